//! Random histories: an engine that sends, one that receives with narrow windows, a line between them that loses nothing.
//! A failure names its seed and step; `SCHEDULER_SEED=… cargo test -p moqingbird-quic --lib model` repeats it, and
//! `SCHEDULER_SEEDS=…` runs that many.

use std::collections::{HashMap, VecDeque};

use rand::{RngExt, SeedableRng, rngs::StdRng};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::{Model, Seen, body_byte, payload};
use crate::{stream::Sending, *};

const SEEDS: u64 = 60;
const STEPS: usize = 250;
const LANES: usize = 24;
const DELAY: u64 = 4_000;
const DATAGRAM_QUEUE: usize = 6;
const LONGEST_BODY: usize = 20_000;

/// What histories are about.
const HAPPENS: [&str; 13] = [
    "blocked",
    "unblocked",
    "cut short",
    "given ahead",
    "without stream credit",
    "rekeyed",
    "reset",
    "stopped",
    "failed",
    "expired",
    "crowded out",
    "too large",
    "sent",
];

/// One end, and the packets on their way to it.
struct End {
    engine: Instance,
    endpoint: u32,
    other: u32,
    inbox: VecDeque<(u64, Vec<u8>)>,
}

struct History {
    now: u64,
    random: StdRng,
    sender: End,
    receiver: End,
    model: Model,
    connection: u32,
    /// What the receiver got, by stream id: its handle, bytes, and whether they are all.
    received: HashMap<u64, (u32, Vec<u8>, bool)>,
    ids: HashMap<u32, u64>,
    datagrams: Vec<u32>,
    numbers: u32,
    dropped: HashMap<u32, u64>,
}

/// Narrow windows, so that flow control decides; or, with every third seed, wide ones, so that congestion does.
fn transport(seed: u64) -> TransportSettings {
    let wide = if seed.is_multiple_of(3) { 20.0 } else { 1.0 };
    let (stream_window, window, streams, credit) = (6_000.0 * wide, 16_000.0 * wide, 5.0 * wide, 3_000.0 * wide);
    let queue = DATAGRAM_QUEUE as f64;
    let numbers = [
        0.0,
        0.0,
        10_000.0,
        stream_window,
        window,
        1e6,
        streams,
        streams,
        credit,
        1200.0,
        1200.0,
        1e6,
        queue,
        8.0,
        2.0,
        0.0,
    ];
    TransportSettings::from_numbers(&numbers).unwrap()
}

impl End {
    fn new(seed: u64, now: u64, other: &str) -> Self {
        let mut engine = Instance::new(now, 1_800_000_000_000, [seed as u8; 32], Limits::default());
        let other = engine.intern_peer(other.parse().unwrap()).unwrap();
        Self { engine, endpoint: 0, other, inbox: VecDeque::new() }
    }

    fn absorb(&mut self, now: u64) {
        while self.inbox.front().is_some_and(|packet| packet.0 <= now) {
            let (_, bytes) = self.inbox.pop_front().unwrap();
            self.engine.ingest(Datagram { endpoint: self.endpoint, peer: self.other, ecn: 0, bytes: &bytes }, now);
        }
        self.engine.settle(now);
        self.engine.fire_timers(now);
    }

    /// Pumps once; the number of packets.
    fn pump(&mut self, now: u64, budget: usize, source: &mut impl Source, to: &mut VecDeque<(u64, Vec<u8>)>) -> usize {
        let count = self.engine.pump(now, budget, source);
        for index in 0..count {
            let slot = self.engine.transmit_record(index).slot;
            to.push_back((now + DELAY, self.engine.transmit_bytes(slot).to_vec()));
            self.engine.release_slot(slot);
        }
        count
    }
}

impl History {
    fn new(seed: u64) -> Self {
        let now = 5_000_000;
        let mut sender = End::new(seed, now, "10.0.0.2:4433");
        let mut receiver = End::new(seed + 1, now, "10.0.0.1:1111");
        let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = certificate.signing_key.serialize_pem();
        let options = ServerOptions {
            certificate_chain: certificate.cert.der(),
            private_key: key.as_bytes(),
            named: &[],
            alpn: b"\x04test",
            transport: transport(seed),
            early_data: false,
            observing: Observing::default(),
        };
        let config = receiver.engine.add_server_config(options).unwrap();
        receiver.endpoint = receiver.engine.open_endpoint(Some(config), EndpointLimits::default()).unwrap();
        sender.endpoint = sender.engine.open_endpoint(None, EndpointLimits::default()).unwrap();
        let options = ClientOptions {
            alpn: b"\x04test",
            trust: Trust::None,
            material: &[],
            transport: transport(seed),
            early_data: false,
            observing: Observing::default(),
        };
        let config = sender.engine.add_client_config(options).unwrap();
        let connection = sender.engine.connect(sender.endpoint, config, sender.other, "localhost", now).unwrap();
        let mut history = Self {
            now,
            random: StdRng::seed_from_u64(seed),
            sender,
            receiver,
            model: Model::new(seed, connection, DATAGRAM_QUEUE),
            connection,
            received: HashMap::new(),
            ids: HashMap::new(),
            datagrams: Vec::new(),
            numbers: 0,
            dropped: HashMap::new(),
        };
        while history.sender.engine.max_datagram_size(connection).unwrap() == 0 {
            history.turn(|_| {});
        }
        history
    }

    /// Both ends have their turn, and time moves on.
    fn turn(&mut self, acts: impl Fn(&mut Self)) {
        self.sender.absorb(self.now);
        self.hear_drops();
        self.model.settled(&self.sender.engine);
        acts(self);
        self.pump();
        self.receiver.absorb(self.now);
        self.receive();
        while self.receiver.pump(self.now, 64, &mut (), &mut self.sender.inbox) > 0 {}
        self.now += self.random.random_range(200..2_000u64);
    }

    fn pump(&mut self) {
        loop {
            let budget = self.random.random_range(1..40usize);
            self.model.begin();
            let packets = self.sender.pump(self.now, budget, &mut self.model, &mut self.receiver.inbox);
            let (pulled, held) = (self.model.prepared_bytes, self.model.held_bytes(&self.sender.engine));
            assert!(pulled <= (packets + 1) * 1200 + held, "{pulled} bytes were pulled for {packets} packets");
            self.model.pumped(&mut self.sender.engine, self.now);
            if self.sender.engine.pump_end() == PumpEnd::Idle {
                return;
            }
        }
    }

    fn hear_drops(&mut self) {
        self.sender.engine.begin_events();
        while let Some(event) = self.sender.engine.poll_event() {
            match event {
                Event::DatagramDropped { why, count, .. } => {
                    *self.dropped.entry(why as u32).or_default() += u64::from(count);
                }
                Event::Closed { by, .. } => panic!("the connection ended: {by:?}"),
                _ => {}
            }
        }
        for why in [DatagramDrop::Queue, DatagramDrop::Deadline, DatagramDrop::NeverFits] {
            assert_eq!(self.dropped.get(&(why as u32)).copied().unwrap_or(0), self.model.drops(why), "{why:?}");
        }
    }

    fn receive(&mut self) {
        self.receiver.engine.begin_events();
        while let Some(event) = self.receiver.engine.poll_event() {
            match event {
                Event::Stream { stream, id, uni, .. } => {
                    self.received.insert(id, (stream, Vec::new(), false));
                    self.ids.insert(stream, id);
                    if !uni {
                        let _ = self.receiver.engine.reset(stream, 0);
                    }
                }
                Event::Data { stream, bytes, fin, .. } => {
                    let (_, body, ended) = self.received.get_mut(&self.ids[&stream]).unwrap();
                    body.extend_from_slice(&bytes);
                    *ended = fin;
                }
                Event::Datagram { bytes, .. } => {
                    self.datagrams.push(u32::from_be_bytes(bytes[..4].try_into().unwrap()));
                }
                Event::Closed { by, .. } => panic!("the connection ended: {by:?}"),
                _ => {}
            }
        }
        assert!(self.model.sent.starts_with(&self.datagrams), "datagrams came in another order than they left");
    }

    /// Few keys, so that many are equal, in any bits of the 128.
    fn key(&mut self) -> u128 {
        u128::from(self.random.random_range(0..4u32)) << (self.random.random_range(0..4u32) * 42)
    }

    fn any(&mut self) -> Option<u32> {
        let alive: Vec<u32> =
            self.model.lanes.iter().filter(|lane| lane.sending != Sending::Over).map(|lane| lane.handle).collect();
        (!alive.is_empty()).then(|| alive[self.random.random_range(0..alive.len())])
    }

    fn act(&mut self) {
        let what = self.random.random_range(0..20u32);
        let engine = &mut self.sender.engine;
        match what {
            0..=2 if self.model.lanes.iter().filter(|lane| lane.sending != Sending::Over).count() < LANES => {
                let dir = if self.random.random() { Dir::Uni } else { Dir::Bi };
                let (key, length) = (self.key(), self.random.random_range(0..LONGEST_BODY));
                let handle = self.sender.engine.open_stream(self.connection, dir, key).unwrap();
                self.model.opened(handle, dir, key, length);
            }
            3..=8 => {
                if let Some(handle) = self.any() {
                    self.sender.engine.activate(handle).unwrap();
                    self.model.activated(handle);
                }
            }
            9..=12 => {
                if let (Some(handle), key) = (self.any(), self.key()) {
                    self.sender.engine.set_key(handle, key).unwrap();
                    self.model.rekeyed(handle, key);
                }
            }
            13 if self.random.random_range(0..4u32) == 0 => {
                if let Some(handle) = self.any() {
                    self.sender.engine.reset(handle, 7).unwrap();
                    self.model.reset(handle);
                }
            }
            14 => self.stop(),
            15..=17 => {
                let length = self.random.random_range(4..1250usize);
                let deadline = if self.random.random() { 0 } else { self.now + self.random.random_range(1..4_000u64) };
                let (key, number) = (self.key(), self.numbers);
                self.numbers += 1;
                let fits = length <= self.sender.engine.max_datagram_size(self.connection).unwrap();
                let bytes = payload(number, length);
                let queued = self.sender.engine.send_datagram(self.connection, bytes, key, deadline).unwrap();
                assert_eq!(queued.is_some(), fits);
                if fits {
                    self.model.queued(number, key, deadline);
                } else {
                    self.model.seen.note("too large", 1);
                }
            }
            18 => self.credit(2_000),
            _ => drop(engine.next_deadline()),
        }
    }

    /// The receiver wants no more of a stream.
    fn stop(&mut self) {
        let open: Vec<(u64, u32)> =
            self.received.iter().filter(|(_, (_, _, ended))| !ended).map(|(&id, &(stream, ..))| (id, stream)).collect();
        let Some(&(id, stream)) = open.iter().min() else { return };
        let Some(lane) = self.model.lanes.iter_mut().find(|lane| lane.id == Some(id)) else { return };
        if self.receiver.engine.stop(stream, 9).is_ok() {
            lane.stopped = true;
            self.model.seen.note("stopped", 1);
        }
    }

    /// The receiver's application takes bytes of all streams.
    fn credit(&mut self, bytes: u64) {
        for (stream, _, ended) in self.received.values() {
            if !ended {
                let _ = self.receiver.engine.credit(*stream, bytes);
            }
        }
    }

    /// Everything that was not abandoned arrives, equal and whole.
    fn drain(&mut self) {
        self.model.draining = true;
        let limit = self.now + 60_000_000;
        let unfinished = |history: &Self| {
            let lanes = history.model.lanes.iter().filter(|lane| lane.sending != Sending::Over).count();
            lanes + history.model.datagrams.len() + history.model.sent.len() - history.datagrams.len()
        };
        while unfinished(self) > 0 {
            self.turn(|history| {
                for index in 0..history.model.lanes.len() {
                    let lane = &history.model.lanes[index];
                    if !matches!(lane.sending, Sending::Over | Sending::Finished) {
                        let handle = lane.handle;
                        history.sender.engine.activate(handle).unwrap();
                        history.model.activated(handle);
                    }
                }
                history.credit(10_000);
            });
            assert!(self.now < limit, "{} streams and datagrams are left after a minute", unfinished(self));
        }
        for lane in self.model.lanes.iter().filter(|lane| lane.ended && !lane.stopped) {
            let Some((_, body, ended)) = lane.id.and_then(|id| self.received.get(&id)) else { continue };
            if *ended {
                assert_eq!(body.len(), lane.length);
                assert!(body.iter().enumerate().all(|(at, &byte)| byte == body_byte(lane.handle, at)));
            }
        }
    }
}

fn run(seed: u64) -> Seen {
    let mut history = History::new(seed);
    for step in 0..STEPS {
        if std::env::var("SCHEDULER_SEED").is_ok() {
            println!("seed {seed}, step {step}");
        }
        history.turn(|history| {
            for _ in 0..history.random.random_range(0..12u32) {
                history.act();
            }
        });
    }
    history.drain();
    history.model.seen
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

#[test]
fn the_engine_sends_in_the_order_of_a_sorted_list() {
    if let Some(seed) = number("SCHEDULER_SEED") {
        println!("{:?}", run(seed));
        return;
    }
    let mut total = Seen::default();
    for seed in 1..=number("SCHEDULER_SEEDS").unwrap_or(SEEDS) {
        println!("SCHEDULER_SEED={seed}");
        total.merge(run(seed));
    }
    println!("{total:?}");
    for what in HAPPENS {
        assert!(total.count(what) > 0, "no stream or datagram was ever {what}");
    }
}
