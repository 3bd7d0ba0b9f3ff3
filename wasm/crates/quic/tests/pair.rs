//! Two engines on one virtual clock, without JavaScript: the same contract the tests of its JavaScript face hold.

use std::collections::HashMap;

use bytes::Bytes;
use moqingbird_quic::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const DELAY: u64 = 5_000;

/// What a stream still has to say.
#[derive(Default)]
struct Bodies(HashMap<u32, Vec<u8>>);

impl Source for Bodies {
    fn prepare(&mut self, _connection: u32, stream: u32, target: &mut [u8]) -> Prepared {
        let Some(body) = self.0.get_mut(&stream) else { return Prepared::default() };
        let length = body.len().min(target.len());
        target[..length].copy_from_slice(&body[..length]);
        body.drain(..length);
        Prepared { length, fin: body.is_empty(), more: !body.is_empty(), failed: false }
    }
}

struct Host {
    engine: Instance,
    endpoint: u32,
    /// Index of the other's address.
    other: u32,
    bodies: Bodies,
    events: Vec<Event>,
    inbox: Vec<(u64, Vec<u8>)>,
}

impl Host {
    fn new(seed: u8, now: u64, other: &str) -> Self {
        let mut engine = Instance::new(now, 1_800_000_000_000, [seed; 32], Limits::default());
        let other = engine.intern_peer(other.parse().unwrap()).unwrap();
        Self { engine, endpoint: 0, other, bodies: Bodies::default(), events: Vec::new(), inbox: Vec::new() }
    }

    fn turn(&mut self, now: u64) -> Vec<Vec<u8>> {
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

    fn send(&mut self, connection: u32, dir: Dir, body: &[u8]) -> u32 {
        let stream = self.engine.open_stream(connection, dir, 0).unwrap();
        self.bodies.0.insert(stream, body.to_vec());
        self.engine.activate(stream).unwrap();
        stream
    }
}

struct Pair {
    now: u64,
    client: Host,
    server: Host,
    connection: u32,
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
    fn new() -> Self {
        let now = 5_000_000;
        let mut client = Host::new(1, now, "10.0.0.2:4433");
        let mut server = Host::new(2, now, "10.0.0.1:1111");
        let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let config = server
            .engine
            .add_server_config(ServerOptions {
                certificate_chain: certificate.cert.der(),
                private_key: certificate.signing_key.serialize_pem().as_bytes(),
                named: &[],
                alpn: b"\x04test",
                transport: transport(),
                observing: Observing::default(),
            })
            .unwrap();
        server.endpoint = server.engine.open_endpoint(Some(config), EndpointLimits::default()).unwrap();
        client.endpoint = client.engine.open_endpoint(None, EndpointLimits::default()).unwrap();
        let options = ClientOptions {
            alpn: b"\x04test",
            trust: Trust::None,
            material: &[],
            transport: transport(),
            observing: Observing::default(),
        };
        let config = client.engine.add_client_config(options).unwrap();
        let connection = client.engine.connect(client.endpoint, config, client.other, "localhost", now).unwrap();
        Self { now, client, server, connection }
    }

    /// Runs until `done`, or panics after a minute of virtual time.
    fn run(&mut self, done: impl Fn(&Self) -> bool) {
        let limit = self.now + 60_000_000;
        loop {
            for packet in self.client.turn(self.now) {
                self.server.inbox.push((self.now + DELAY, packet));
            }
            for packet in self.server.turn(self.now) {
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

fn received(host: &Host, stream: u32) -> (Vec<u8>, bool) {
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

fn streams(host: &Host) -> Vec<u32> {
    let stream = |event: &Event| if let Event::Stream { stream, .. } = event { Some(*stream) } else { None };
    host.events.iter().filter_map(stream).collect()
}

#[test]
fn a_megabyte_and_a_datagram_arrive_and_a_close_is_heard_once() {
    let mut pair = Pair::new();
    let body: Vec<u8> = (0..1_000_000u32).map(|n| (n ^ n >> 8) as u8).collect();
    let connection = pair.connection;
    pair.client.send(connection, Dir::Uni, &body);
    assert!(pair.client.engine.send_datagram(connection, Bytes::from_static(b"now"), 0, 0).unwrap().is_some());
    pair.run(|pair| streams(&pair.server).first().is_some_and(|&stream| received(&pair.server, stream).1));
    assert!(received(&pair.server, streams(&pair.server)[0]).0 == body);
    assert!(pair.server.events.iter().any(|event| matches!(event, Event::Datagram { bytes, .. } if bytes == "now")));

    pair.client.engine.close(connection, 77, Bytes::from_static(b"done"), pair.now).unwrap();
    let drained = |host: &Host| host.events.iter().any(|event| matches!(event, Event::Drained { .. }));
    pair.run(|pair| drained(&pair.client) && drained(&pair.server));
    for (host, expected) in [(&pair.client, ClosedBy::Local), (&pair.server, ClosedBy::PeerApplication)] {
        let closes: Vec<_> = host
            .events
            .iter()
            .filter_map(|event| {
                if let Event::Closed { by, code, reason, .. } = event { Some((*by, *code, reason)) } else { None }
            })
            .collect();
        assert_eq!(closes, [(expected, 77, &Bytes::from_static(b"done"))]);
    }
}

#[test]
fn streams_beyond_the_peers_limit_wait_and_all_arrive() {
    let mut pair = Pair::new();
    for n in 0..200u8 {
        pair.client.send(pair.connection, Dir::Bi, &[n; 3000]);
    }
    let finished = |pair: &Pair| {
        pair.server.events.iter().filter(|event| matches!(event, Event::Data { fin: true, .. })).count() == 200
    };
    // The server must end its sides too, or the client may open no more.
    for _ in 0..1000 {
        if finished(&pair) {
            break;
        }
        let seen = pair.server.events.len();
        pair.run(|pair| pair.server.events.len() > seen);
        for stream in streams(&pair.server) {
            let _ = pair.server.engine.reset(stream, 0);
        }
    }
    assert!(finished(&pair));
    for stream in streams(&pair.server) {
        let (body, _) = received(&pair.server, stream);
        assert_eq!(body.len(), 3000);
        assert!(body.iter().all(|byte| *byte == body[0]));
    }
}

#[test]
fn a_stale_handle_is_an_error() {
    let mut pair = Pair::new();
    pair.run(|pair| pair.client.events.iter().any(|event| matches!(event, Event::Connected { .. })));
    let stream = pair.client.send(pair.connection, Dir::Uni, b"x");
    pair.run(|pair| pair.client.events.iter().any(|event| matches!(event, Event::Released { .. })));
    let engine = &mut pair.client.engine;
    assert_eq!(engine.activate(stream), Err(Error::StaleHandle));
    assert_eq!(engine.close(0xffff, 0, Bytes::new(), 0), Err(Error::StaleHandle));
    assert_eq!(engine.free_config(99), Err(Error::StaleHandle));
}

#[test]
fn data_that_overtakes_the_end_of_the_handshake_is_not_lost() {
    let mut pair = Pair::new();
    pair.client.send(pair.connection, Dir::Uni, &[7; 9000]);
    pair.run(|pair| pair.client.events.iter().any(|event| matches!(event, Event::Connected { .. })));
    let mut late = 0;
    for (at, packet) in &mut pair.server.inbox {
        if packet[0] & 0x80 != 0 {
            *at += 3 * DELAY;
            late += 1;
        }
    }
    assert!(late > 0 && pair.server.inbox.len() > late + 5, "{late} of {}", pair.server.inbox.len());
    pair.run(|pair| streams(&pair.server).first().is_some_and(|&stream| received(&pair.server, stream).1));
    assert_eq!(received(&pair.server, streams(&pair.server)[0]).0, [7; 9000]);
    assert_eq!(pair.client.engine.stats(pair.connection).unwrap().lost_packets, 0);
}
