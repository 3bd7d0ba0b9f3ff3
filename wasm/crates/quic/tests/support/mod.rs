//! An engine under test and rogues around it, on one virtual clock and links without delay.

#![allow(dead_code)] // Each test program uses its part of it.

pub(crate) mod pair;

use std::{collections::HashMap, net::SocketAddr};

use moqingbird_quic::*;
use moqingbird_rogue::{Frames, Hello, Options, Peer, Space};

pub(crate) const MILLISECOND: u64 = 1000;
pub(crate) const SECOND: u64 = 1_000_000;

/// Windows and limits of the engine under test: the host's defaults.
pub(crate) const STREAM_WINDOW: u64 = 1 << 20;
pub(crate) const CONNECTION_WINDOW: u64 = 4 << 20;
pub(crate) const UNI_STREAMS: u64 = 128;
pub(crate) const BIDI_STREAMS: u64 = 32;
/// What a new connection allows of them.
pub(crate) const FIRST_UNI_STREAMS: u64 = 20;
pub(crate) const FIRST_BIDI_STREAMS: u64 = 8;
pub(crate) const DATAGRAM_BYTES: u64 = 256 << 10;

pub(crate) fn transport() -> TransportSettings {
    let numbers = [
        30_000.0,
        0.0,
        10_000.0,
        STREAM_WINDOW as f64,
        CONNECTION_WINDOW as f64,
        8_388_608.0,
        UNI_STREAMS as f64,
        BIDI_STREAMS as f64,
        262_144.0,
        1200.0,
        1200.0,
        DATAGRAM_BYTES as f64,
        256.0,
        100.0,
        8.0,
        0.0,
    ];
    TransportSettings::from_numbers(&numbers).unwrap()
}

/// What streams of the engine have to say.
#[derive(Default)]
pub(crate) struct Bodies(pub HashMap<u32, Vec<u8>>);

impl Source for Bodies {
    fn prepare(&mut self, _connection: u32, stream: u32, target: &mut [u8]) -> Prepared {
        let Some(body) = self.0.get_mut(&stream) else { return Prepared::default() };
        let length = body.len().min(target.len());
        target[..length].copy_from_slice(&body[..length]);
        body.drain(..length);
        Prepared { length, fin: body.is_empty(), more: !body.is_empty(), failed: false }
    }
}

/// An engine with one endpoint, and a host that keeps its events and reads everything at once.
pub(crate) struct Target {
    pub(crate) engine: Instance,
    pub(crate) endpoint: u32,
    pub(crate) now: u64,
    pub(crate) events: Vec<Event>,
    pub(crate) bodies: Bodies,
    /// Streams that the peer opened are read; otherwise the host gives no credit.
    pub(crate) reads: bool,
    peers: HashMap<u32, SocketAddr>,
}

impl Target {
    pub(crate) fn server() -> Self {
        Self::server_with(EndpointLimits::default())
    }

    pub(crate) fn server_with(limits: EndpointLimits) -> Self {
        Self::serving(limits, false)
    }

    /// A server that takes 0-RTT.
    pub(crate) fn taking_early() -> Self {
        Self::serving(EndpointLimits::default(), true)
    }

    fn serving(limits: EndpointLimits, early_data: bool) -> Self {
        // quinn-proto makes its first key update after a number of packets it draws, and the rogue follows none: under this
        // seed no test lasts as long.
        let mut target = Self::new(10);
        let (chain, key) = moqingbird_rogue::certificate();
        let config = target
            .engine
            .add_server_config(ServerOptions {
                certificate_chain: &chain,
                private_key: key.as_bytes(),
                named: &[],
                alpn: b"\x04test",
                transport: transport(),
                early_data,
                observing: Observing::default(),
            })
            .unwrap();
        target.endpoint = target.engine.open_endpoint(Some(config), limits).unwrap();
        target
    }

    /// An engine that dials `server`; its handle too.
    pub(crate) fn client(server: SocketAddr, seed: u8) -> (Self, u32) {
        let mut target = Self::new(seed);
        target.endpoint = target.engine.open_endpoint(None, EndpointLimits::default()).unwrap();
        let options = ClientOptions {
            alpn: b"\x04test",
            trust: Trust::None,
            material: &[],
            transport: transport(),
            early_data: false,
            observing: Observing::default(),
        };
        let config = target.engine.add_client_config(options).unwrap();
        let peer = target.peer(server);
        let handle = target.engine.connect(target.endpoint, config, peer, "localhost", target.now).unwrap();
        (target, handle)
    }

    fn new(seed: u8) -> Self {
        let now = 5 * SECOND;
        Self {
            engine: Instance::new(now, 1_800_000_000_000, [seed; 32], Limits::default()),
            endpoint: 0,
            now,
            events: Vec::new(),
            bodies: Bodies::default(),
            reads: true,
            peers: HashMap::new(),
        }
    }

    fn peer(&mut self, address: SocketAddr) -> u32 {
        let peer = self.engine.intern_peer(address).unwrap();
        self.peers.insert(peer, address);
        peer
    }

    pub(crate) fn ingest(&mut self, from: SocketAddr, packet: &[u8]) {
        let peer = self.peer(from);
        self.engine.ingest(Datagram { endpoint: self.endpoint, peer, ecn: 0, bytes: packet }, self.now);
    }

    /// One turn: everything ingested is processed, told and answered.
    pub(crate) fn turn(&mut self) -> Vec<(SocketAddr, Vec<u8>)> {
        self.engine.settle(self.now);
        self.engine.fire_timers(self.now);
        let mut packets = Vec::new();
        loop {
            self.engine.begin_events();
            while let Some(event) = self.engine.poll_event() {
                if let Event::Data { stream, bytes, .. } = &event
                    && self.reads
                {
                    let _ = self.engine.credit(*stream, bytes.len() as u64);
                }
                self.events.push(event);
            }
            for index in 0..self.engine.pump(self.now, 64, &mut self.bodies) {
                let record = self.engine.transmit_record(index);
                let bytes = self.engine.transmit_bytes(record.slot).to_vec();
                if let Some(&to) = self.peers.get(&record.peer) {
                    packets.push((to, bytes));
                }
                self.engine.release_slot(record.slot);
            }
            if self.engine.pump_end() == PumpEnd::Idle {
                return packets;
            }
        }
    }

    /// How the connection ended, if it did.
    pub(crate) fn closed(&self, connection: u32) -> Option<(ClosedBy, u64)> {
        self.events.iter().find_map(|event| match event {
            Event::Closed { connection: of, by, code, .. } if *of == connection => Some((*by, *code)),
            _ => None,
        })
    }

    pub(crate) fn connected(&self) -> Vec<u32> {
        let handle =
            |event: &Event| if let Event::Connected { connection, .. } = event { Some(*connection) } else { None };
        self.events.iter().filter_map(handle).collect()
    }

    pub(crate) fn send(&mut self, connection: u32, dir: Dir, body: &[u8]) -> u32 {
        let stream = self.engine.open_stream(connection, dir, 0).unwrap();
        self.bodies.0.insert(stream, body.to_vec());
        self.engine.activate(stream).unwrap();
        stream
    }
}

/// The engine as server, and one rogue client.
pub(crate) struct Assault {
    pub(crate) target: Target,
    pub(crate) rogue: Peer,
    pub(crate) address: SocketAddr,
}

impl Assault {
    /// Nothing is sent yet.
    pub(crate) fn new(options: Options) -> Self {
        Self::on(Target::server(), options)
    }

    pub(crate) fn on(target: Target, options: Options) -> Self {
        Self { target, rogue: Peer::client(options), address: "192.0.2.66:666".parse().unwrap() }
    }

    /// The handshake is done.
    pub(crate) fn established() -> Self {
        Self::established_with(Options::default())
    }

    pub(crate) fn established_with(options: Options) -> Self {
        let mut assault = Self::new(options);
        assault.exchange();
        assert_eq!(assault.rogue.hello, Hello::Done, "heard {:?}", assault.rogue.heard);
        assert_eq!(assault.target.connected().len(), 1);
        assault
    }

    /// The engine's handle of the rogue's connection.
    pub(crate) fn handle(&self) -> u32 {
        self.target.connected()[0]
    }

    /// Carries packets until both are silent at this moment.
    pub(crate) fn exchange(&mut self) {
        for _ in 0..1000 {
            let packets = self.rogue.take();
            let silent = packets.is_empty();
            for packet in packets {
                self.target.ingest(self.address, &packet);
            }
            let answers = self.target.turn();
            if silent && answers.is_empty() {
                return;
            }
            for (_, answer) in answers {
                self.rogue.receive(&answer);
            }
        }
        panic!("they never fell silent");
    }

    /// Lets time pass, timer by timer.
    pub(crate) fn pass(&mut self, micros: u64) {
        let end = self.target.now + micros;
        while let Some(deadline) = self.target.engine.next_deadline().filter(|deadline| *deadline <= end) {
            self.target.now = self.target.now.max(deadline);
            self.exchange();
        }
        self.target.now = end;
        self.exchange();
    }

    pub(crate) fn send(&mut self, space: Space, frames: Frames) {
        self.rogue.send(space, &frames);
        self.exchange();
    }

    /// Code and frame type of the engine's CONNECTION_CLOSE. The host heard the same code, if it knows of the connection:
    /// one that fails at its first packet it never sees.
    pub(crate) fn verdict(&self) -> Option<(u64, u64)> {
        let verdict = self.rogue.close_heard();
        let told = self.target.events.iter().find_map(|event| match event {
            Event::Closed { by, code, .. } => Some((*by, *code)),
            _ => None,
        });
        if told.is_some() || !self.target.connected().is_empty() {
            assert_eq!(told, verdict.map(|(code, _)| (ClosedBy::Transport, code)), "the host heard otherwise");
        }
        verdict
    }
}

/// Bytes of a CRYPTO stream: a TLS handshake message.
pub(crate) fn tls_message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut message = vec![kind, 0, 0, body.len() as u8];
    message.extend_from_slice(body);
    message
}
