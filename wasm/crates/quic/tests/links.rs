//! Two engines over the simulator's links: whatever a link does, the bytes arrive equal and in time.

use std::collections::BTreeMap;

use moqingbird_quic::*;
use moqingbird_sim::{Counters, Fates, Intervals, Jitter, Link, LinkSettings};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const BYTES: usize = 300_000;
const START: u64 = 5_000_000;

struct Body(Vec<u8>);

impl Source for Body {
    fn prepare(&mut self, _connection: u32, _stream: u32, target: &mut [u8]) -> Prepared {
        let length = self.0.len().min(target.len());
        target[..length].copy_from_slice(&self.0[..length]);
        self.0.drain(..length);
        Prepared { length, fin: self.0.is_empty(), more: !self.0.is_empty(), failed: false }
    }
}

struct Arrival {
    ecn: u8,
    bytes: Vec<u8>,
}

struct Host {
    engine: Instance,
    endpoint: u32,
    other: u32,
    body: Body,
    received: Vec<u8>,
    finished: bool,
    connected: bool,
    closed: Option<ClosedBy>,
    /// By moment and order.
    inbox: BTreeMap<(u64, u64), Arrival>,
    arrivals: u64,
}

impl Host {
    fn new(seed: u8, other: &str) -> Self {
        let mut engine = Instance::new(START, 1_800_000_000_000, [seed; 32], Limits::default());
        let other = engine.intern_peer(other.parse().unwrap()).unwrap();
        Self {
            engine,
            endpoint: 0,
            other,
            body: Body(Vec::new()),
            received: Vec::new(),
            finished: false,
            connected: false,
            closed: None,
            inbox: BTreeMap::new(),
            arrivals: 0,
        }
    }

    fn deliver(&mut self, packet: &[u8], fates: Fates) {
        for fate in fates {
            let mut bytes = packet.to_vec();
            if let Some(bit) = fate.corrupt {
                bytes[bit as usize / 8] ^= 1 << (bit % 8);
            }
            self.inbox.insert((fate.at, self.arrivals), Arrival { ecn: fate.ecn, bytes });
            self.arrivals += 1;
        }
    }

    fn turn(&mut self, now: u64, link: &mut Link, to: &mut Host) {
        while let Some(first) = self.inbox.first_entry()
            && first.key().0 <= now
        {
            let Arrival { ecn, bytes } = first.remove();
            let datagram = Datagram { endpoint: self.endpoint, peer: self.other, ecn, bytes: &bytes };
            self.engine.ingest(datagram, now);
        }
        self.engine.settle(now);
        self.engine.fire_timers(now);
        loop {
            self.events();
            for index in 0..self.engine.pump(now, 64, &mut self.body) {
                let record = self.engine.transmit_record(index);
                let packet = self.engine.transmit_bytes(record.slot).to_vec();
                self.engine.release_slot(record.slot);
                let fates = link.offer(now, packet.len() as u32, record.ecn);
                to.deliver(&packet, fates);
            }
            if self.engine.pump_end() == PumpEnd::Idle {
                break;
            }
        }
    }

    fn events(&mut self) {
        self.engine.begin_events();
        while let Some(event) = self.engine.poll_event() {
            match event {
                Event::Connected { .. } => self.connected = true,
                Event::Data { stream, bytes, fin, .. } => {
                    self.received.extend_from_slice(&bytes);
                    self.finished |= fin;
                    let _ = self.engine.credit(stream, bytes.len() as u64);
                }
                Event::Closed { by, .. } => self.closed = Some(by),
                _ => {}
            }
        }
    }

    fn next(&mut self) -> Option<u64> {
        let arrival = self.inbox.first_key_value().map(|(key, _)| key.0);
        self.engine.next_deadline().into_iter().chain(arrival).min()
    }
}

/// What came of it.
struct Outcome {
    /// From the first packet to the last byte.
    millis: u64,
    forth: Counters,
    stats: ConnectionStats,
}

fn transport(congestion: Congestion) -> TransportSettings {
    let congestion = match congestion {
        Congestion::Cubic => 0.0,
        Congestion::NewReno => 1.0,
        Congestion::Bbr => 2.0,
    };
    let numbers = [
        10_000.0,
        4_000.0,
        10_000.0,
        1_048_576.0,
        4_194_304.0,
        8_388_608.0,
        16.0,
        16.0,
        262_144.0,
        1200.0,
        1452.0,
        262_144.0,
        256.0,
        100.0,
        8.0,
        congestion,
    ];
    TransportSettings::from_numbers(&numbers).unwrap()
}

/// Sends the bytes from client to server; panics when they do not arrive within a minute, or not equal.
fn transfer(seed: u64, congestion: Congestion, links: [LinkSettings; 2], listed: &[u64]) -> Outcome {
    let body: Vec<u8> = (0..BYTES as u32).map(|n| (n ^ n >> 8 ^ seed as u32) as u8).collect();
    let [forth, back] = links;
    let mut forth = Link::new(seed * 2, forth);
    let mut back = Link::new(seed * 2 + 1, back);
    for &index in listed {
        forth.drop_index(index);
    }
    let mut client = Host::new(1, "10.0.0.2:4433");
    let mut server = Host::new(2, "10.0.0.1:1111");
    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let config = server
        .engine
        .add_server_config(ServerOptions {
            certificate_chain: certificate.cert.der(),
            private_key: certificate.signing_key.serialize_pem().as_bytes(),
            named: &[],
            alpn: b"\x04test",
            transport: transport(congestion),
            early_data: false,
            observing: Observing::default(),
        })
        .unwrap();
    server.endpoint = server.engine.open_endpoint(Some(config), EndpointLimits::default()).unwrap();
    client.endpoint = client.engine.open_endpoint(None, EndpointLimits::default()).unwrap();
    let options = ClientOptions {
        alpn: b"\x04test",
        trust: Trust::None,
        material: &[],
        transport: transport(congestion),
        early_data: false,
        observing: Observing::default(),
    };
    let config = client.engine.add_client_config(options).unwrap();
    let connection = client.engine.connect(client.endpoint, config, client.other, "localhost", START).unwrap();
    client.body = Body(body.clone());
    let stream = client.engine.open_stream(connection, Dir::Uni, 0).unwrap();
    client.engine.activate(stream).unwrap();

    let mut now = START;
    while !server.finished {
        client.turn(now, &mut forth, &mut server);
        server.turn(now, &mut back, &mut client);
        assert_eq!((client.closed, server.closed), (None, None), "seed {seed}: the connection ended first");
        let next = [client.next(), server.next()].into_iter().flatten().min().expect("something is under way");
        now = now.max(next);
        assert!(now < START + 60_000_000, "seed {seed}: {} bytes in a minute", server.received.len());
    }
    assert!(server.received == body, "seed {seed}: the bytes differ");
    let stats = client.engine.stats(connection).unwrap();
    Outcome { millis: (now - START) / 1000, forth: forth.counters(), stats }
}

/// 10 Mbit/s, 15 ms one way, a queue of 25 packets: 300 kB take 390 ms without a fault.
fn line() -> LinkSettings {
    LinkSettings { latency: 15_000, rate: 10_000_000, queue: 25, ..LinkSettings::default() }
}

/// Both ways alike, under each controller and with several seeds; all within `millis`.
fn survives(settings: LinkSettings, millis: u64, happened: impl Fn(&Counters) -> u64) {
    for congestion in [Congestion::Cubic, Congestion::NewReno, Congestion::Bbr] {
        for seed in 1..=5 {
            let outcome = transfer(seed, congestion, [settings; 2], &[]);
            assert!(happened(&outcome.forth) > 0, "{congestion:?}, seed {seed}: the fault never happened");
            assert!(outcome.millis <= millis, "{congestion:?}, seed {seed}: {} ms", outcome.millis);
        }
    }
}

#[test]
fn a_link_without_faults_is_used_to_its_rate() {
    survives(line(), 600, |counters| counters.forwarded);
}

#[test]
fn lost_packets_are_repeated() {
    survives(LinkSettings { loss: 50_000, ..line() }, 6_000, |counters| counters.lost);
}

#[test]
fn bursts_of_loss_are_survived() {
    survives(LinkSettings { burst_period: 100, burst_length: 4, ..line() }, 6_000, |counters| counters.burst_lost);
}

#[test]
fn a_flipped_bit_never_reaches_the_application() {
    survives(LinkSettings { corrupt: 50_000, ..line() }, 6_000, |counters| counters.corrupted);
}

#[test]
fn duplicates_and_late_packets_are_taken_once() {
    let settings = LinkSettings { duplicate: 100_000, reorder: 100_000, ..line() };
    survives(settings, 6_000, |counters| counters.duplicated.min(counters.reordered));
}

#[test]
fn waits_of_wifi_are_survived() {
    survives(LinkSettings { jitter: Jitter::Wifi { mean: 5_000 }, ..line() }, 6_000, |counters| counters.jittered);
}

#[test]
fn a_blackout_of_a_second_costs_little_more_than_itself() {
    let blackout = Intervals { first: START + 200_000, length: 1_000_000, pause: 0, count: 1 };
    survives(LinkSettings { blackout, ..line() }, 3_000, |counters| counters.blacked_out);
}

#[test]
fn a_path_that_takes_no_larger_packets_is_found_out() {
    let outcome = transfer(1, Congestion::Cubic, [LinkSettings { mtu: 1300, ..line() }; 2], &[]);
    assert!(outcome.forth.too_large > 0);
    assert!((1200..=1300).contains(&outcome.stats.mtu), "{} bytes", outcome.stats.mtu);
    assert!(outcome.millis <= 1_000, "{} ms", outcome.millis);
}

#[test]
fn a_handshake_completes_whichever_of_its_first_packets_is_lost() {
    for index in 0..8 {
        let outcome = transfer(1, Congestion::Cubic, [line(); 2], &[index]);
        assert_eq!(outcome.forth.listed, 1);
        assert!(outcome.millis <= 2_000, "packet {index}: {} ms", outcome.millis);
    }
}

#[test]
fn congestion_marks_slow_the_sender_down_without_a_loss() {
    // Without a rate there is no queue to overflow: nothing else is a sign of congestion.
    let far = LinkSettings { latency: 15_000, ..LinkSettings::default() };
    let plain = transfer(1, Congestion::Cubic, [far; 2], &[]);
    assert_eq!(plain.stats.congestion_events, 0);
    let marked = transfer(1, Congestion::Cubic, [LinkSettings { mark: 50_000, ..far }; 2], &[]);
    assert!(marked.forth.marked > 0);
    assert!(marked.stats.congestion_events > 0);
    assert_eq!(marked.stats.lost_packets, 0);
    assert!(marked.millis > plain.millis);
}
