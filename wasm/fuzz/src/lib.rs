//! What the targets share: an input read number by number, and engines to try it on.

use std::net::SocketAddr;

use moqingbird_quic::*;

/// Takes values off the front of an input; zeros when it is used up.
pub struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    /// Whether anything is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        self.bytes(1).first().copied().unwrap_or(0)
    }

    /// A number of four bytes.
    pub fn number(&mut self) -> u32 {
        self.bytes(4).iter().fold(0, |number, &byte| number << 8 | u32::from(byte))
    }

    /// Eight bytes.
    pub fn long(&mut self) -> u64 {
        u64::from(self.number()) << 32 | u64::from(self.number())
    }

    /// At most `count` bytes.
    pub fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (head, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        head
    }

    /// A length of two bytes, and as many bytes, at most `most`.
    pub fn counted(&mut self, most: usize) -> &'a [u8] {
        let count = usize::from(self.byte()) << 8 | usize::from(self.byte());
        self.bytes(count % (most + 1))
    }
}

/// Windows and limits small enough that inputs reach them.
pub fn transport() -> TransportSettings {
    TransportSettings::from_numbers(&[
        30_000.0,
        0.0,
        10_000.0,
        65_536.0,
        262_144.0,
        1_048_576.0,
        20.0,
        8.0,
        32_768.0,
        1200.0,
        1452.0,
        65_536.0,
        16.0,
        100.0,
        8.0,
        0.0,
    ])
    .expect("as many numbers as there are fields")
}

/// An engine that serves; the same for every input.
pub fn server(now: u64) -> (Instance, u32) {
    // Made once: keys cost more than a handshake.
    static CERTIFICATE: std::sync::OnceLock<(Vec<u8>, String)> = std::sync::OnceLock::new();
    let (chain, key) = CERTIFICATE.get_or_init(moqingbird_rogue::certificate);
    let mut engine = engine(now);
    let config = engine
        .add_server_config(ServerOptions {
            certificate_chain: chain,
            private_key: key.as_bytes(),
            named: &[],
            alpn: b"\x04test",
            transport: transport(),
            early_data: false,
            observing: Observing::default(),
        })
        .expect("the certificate is fine");
    let endpoint = engine.open_endpoint(Some(config), EndpointLimits::default()).expect("there is room");
    (engine, endpoint)
}

/// An engine that dials; its endpoint and connection.
pub fn client(now: u64, server: SocketAddr) -> (Instance, u32, u32) {
    let mut engine = engine(now);
    let options = ClientOptions {
        alpn: b"\x04test",
        trust: Trust::None,
        material: &[],
        transport: transport(),
        early_data: false,
        observing: Observing::default(),
    };
    let config = engine.add_client_config(options).expect("the options are fine");
    let endpoint = engine.open_endpoint(None, EndpointLimits::default()).expect("there is room");
    let peer = engine.intern_peer(server).expect("there is room");
    let connection = engine.connect(endpoint, config, peer, "localhost", now).expect("there is room");
    (engine, endpoint, connection)
}

fn engine(now: u64) -> Instance {
    Instance::new(now, 1_800_000_000_000, [7; 32], Limits { connections: 64, peers: 4096, memory_bytes: 16 << 20 })
}

/// Streams that always have something to say.
pub struct Chatter;

impl Source for Chatter {
    fn prepare(&mut self, _connection: u32, stream: u32, target: &mut [u8]) -> Prepared {
        let length = target.len().min(700);
        target[..length].fill(stream as u8);
        Prepared { length, fin: stream % 3 == 0, more: true, failed: false }
    }
}

/// One turn: everything told, everything sent to `carry`.
pub fn turn(engine: &mut Instance, now: u64, source: &mut impl Source, mut carry: impl FnMut(&[u8])) -> Vec<Event> {
    engine.settle(now);
    engine.fire_timers(now);
    engine.begin_events();
    let mut events = Vec::new();
    while let Some(event) = engine.poll_event() {
        if let Event::Data { stream, bytes, .. } = &event {
            let _ = engine.credit(*stream, bytes.len() as u64);
        }
        events.push(event);
    }
    for _ in 0..8 {
        let count = engine.pump(now, 64, source);
        for index in 0..count {
            let record = engine.transmit_record(index);
            carry(engine.transmit_bytes(record.slot));
            engine.release_slot(record.slot);
        }
        if count == 0 {
            break;
        }
    }
    events
}
