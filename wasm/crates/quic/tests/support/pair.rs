//! Two engines on one virtual clock, without JavaScript.

use moqingbird_quic::*;

use super::Bodies;

pub(crate) const DELAY: u64 = 5_000;

pub(crate) struct Host {
    pub(crate) engine: Instance,
    pub(crate) endpoint: u32,
    /// Index of the other's address.
    pub(crate) other: u32,
    pub(crate) bodies: Bodies,
    pub(crate) events: Vec<Event>,
    pub(crate) inbox: Vec<(u64, Vec<u8>)>,
}

impl Host {
    fn new(seed: u8, now: u64, other: &str) -> Self {
        let mut engine = Instance::new(now, 1_800_000_000_000, [seed; 32], Limits::default());
        let other = engine.intern_peer(other.parse().unwrap()).unwrap();
        Self { engine, endpoint: 0, other, bodies: Bodies::default(), events: Vec::new(), inbox: Vec::new() }
    }

    /// A server configuration with a certificate of its own.
    pub(crate) fn serve(&mut self, early_data: bool) -> u32 {
        let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = certificate.signing_key.serialize_pem();
        let options = ServerOptions {
            certificate_chain: certificate.cert.der(),
            private_key: key.as_bytes(),
            named: &[],
            alpn: b"\x04test",
            transport: transport(),
            early_data,
            observing: Observing::default(),
        };
        self.engine.add_server_config(options).unwrap()
    }

    pub(crate) fn turn(&mut self, now: u64) -> Vec<Vec<u8>> {
        let (due, later) = std::mem::take(&mut self.inbox).into_iter().partition(|packet| packet.0 <= now);
        self.inbox = later;
        for (_, bytes) in &due {
            self.engine.ingest(Datagram { endpoint: self.endpoint, peer: self.other, ecn: 0, bytes }, now);
        }
        self.engine.settle(now);
        self.engine.fire_timers(now);
        self.engine.begin_events();
        while let Some(event) = self.engine.poll_event() {
            if let Event::Data { stream, bytes, .. } = &event {
                let _ = self.engine.credit(*stream, bytes.len() as u64);
            }
            self.events.push(event);
        }
        let mut packets = Vec::new();
        loop {
            for index in 0..self.engine.pump(now, 16, &mut self.bodies) {
                let record = self.engine.transmit_record(index);
                assert_eq!((record.endpoint, record.peer), (self.endpoint, self.other));
                packets.push(self.engine.transmit_bytes(record.slot).to_vec());
                assert_eq!(packets.last().map(Vec::len), Some(record.length.into()));
                self.engine.release_slot(record.slot);
            }
            if self.engine.pump_end() == PumpEnd::Idle {
                return packets;
            }
        }
    }

    pub(crate) fn send(&mut self, connection: u32, dir: Dir, body: &[u8]) -> u32 {
        let stream = self.engine.open_stream(connection, dir, 0).unwrap();
        self.bodies.0.insert(stream, body.to_vec());
        self.engine.activate(stream).unwrap();
        stream
    }
}

pub(crate) struct Pair {
    pub(crate) now: u64,
    pub(crate) client: Host,
    pub(crate) server: Host,
    /// The client's.
    pub(crate) config: u32,
    /// The client's newest.
    pub(crate) connection: u32,
    /// Of the server's packets these are lost.
    pub(crate) loses: fn(&[u8]) -> bool,
}

fn transport() -> TransportSettings {
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
        0.0,
    ];
    TransportSettings::from_numbers(&numbers).unwrap()
}

impl Pair {
    /// A handshake begins.
    pub(crate) fn new() -> Self {
        Self::with_early_data(false, false)
    }

    /// The same, where client and server may allow 0-RTT.
    pub(crate) fn with_early_data(client_offers: bool, server_takes: bool) -> Self {
        let now = 5_000_000;
        let mut client = Host::new(1, now, "10.0.0.2:4433");
        let mut server = Host::new(2, now, "10.0.0.1:1111");
        let config = server.serve(server_takes);
        server.endpoint = server.engine.open_endpoint(Some(config), EndpointLimits::default()).unwrap();
        client.endpoint = client.engine.open_endpoint(None, EndpointLimits::default()).unwrap();
        let options = ClientOptions {
            alpn: b"\x04test",
            trust: Trust::None,
            material: &[],
            transport: transport(),
            early_data: client_offers,
            observing: Observing::default(),
        };
        let config = client.engine.add_client_config(options).unwrap();
        let mut pair = Self { now, client, server, config, connection: 0, loses: |_| false };
        pair.dial();
        pair
    }

    /// Another handshake begins.
    pub(crate) fn dial(&mut self) {
        let Host { engine, endpoint, other, .. } = &mut self.client;
        self.connection = engine.connect(*endpoint, self.config, *other, "localhost", self.now).unwrap();
    }

    /// Time passes: what is under way arrives.
    pub(crate) fn pass(&mut self, micros: u64) {
        let timer = self.client.engine.arm_timer(self.now + micros).unwrap();
        self.run(|pair| {
            pair.client.events.iter().any(|event| matches!(event, Event::Timer { timer: fired } if *fired == timer))
        });
    }

    /// Runs until `done`, or panics after a minute of virtual time.
    pub(crate) fn run(&mut self, done: impl Fn(&Self) -> bool) {
        let limit = self.now + 60_000_000;
        loop {
            for packet in self.client.turn(self.now) {
                self.server.inbox.push((self.now + DELAY, packet));
            }
            for packet in self.server.turn(self.now).into_iter().filter(|packet| !(self.loses)(packet)) {
                self.client.inbox.push((self.now + DELAY, packet));
            }
            if done(self) {
                return;
            }
            let arrivals = self.client.inbox.iter().chain(&self.server.inbox).map(|packet| packet.0);
            let timers = [self.client.engine.next_deadline(), self.server.engine.next_deadline()];
            let next = arrivals.chain(timers.into_iter().flatten()).min().expect("something is under way");
            self.now = self.now.max(next);
            assert!(self.now <= limit, "not reached in a minute of virtual time");
        }
    }
}

pub(crate) fn received(host: &Host, stream: u32) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    let mut done = false;
    for event in &host.events {
        if let Event::Data { stream: its, bytes, fin, .. } = event
            && *its == stream
        {
            body.extend_from_slice(bytes);
            done = *fin;
        }
    }
    (body, done)
}

pub(crate) fn streams(host: &Host) -> Vec<u32> {
    let stream = |event: &Event| if let Event::Stream { stream, .. } = event { Some(*stream) } else { None };
    host.events.iter().filter_map(stream).collect()
}
