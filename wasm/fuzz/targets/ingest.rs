//! Datagrams into an engine with live connections, as server and as client: raw ones, and properly protected packets whose
//! frames are the input's, so that it gets past the keys.
#![no_main]

use std::net::SocketAddr;

use libfuzzer_sys::fuzz_target;
use moqingbird_fuzz::{Chatter, Input, client, server, turn};
use moqingbird_quic::*;
use moqingbird_rogue::{Frames, Options, Peer, Shape, Space};

const BEGIN: u64 = 5_000_000;

struct World {
    engine: Instance,
    endpoint: u32,
    rogue: Peer,
    from: SocketAddr,
    now: u64,
    sent: Vec<Vec<u8>>,
}

impl World {
    fn carry(&mut self) {
        for packet in self.rogue.take() {
            self.ingest(&packet);
            self.sent.push(packet);
        }
        let rogue = &mut self.rogue;
        let events = turn(&mut self.engine, self.now, &mut Chatter, |packet| rogue.receive(packet));
        for event in events {
            // The host answers on every stream it can.
            match event {
                Event::Connected { connection, .. } => {
                    for dir in [Dir::Bi, Dir::Uni] {
                        if let Ok(stream) = self.engine.open_stream(connection, dir, 5) {
                            let _ = self.engine.activate(stream);
                        }
                    }
                }
                Event::Stream { stream, uni: false, .. } => {
                    let _ = self.engine.activate(stream);
                }
                _ => {}
            }
        }
    }

    fn ingest(&mut self, packet: &[u8]) {
        let Ok(peer) = self.engine.intern_peer(self.from) else { return };
        let bytes = &packet[..packet.len().min(SLOT_BYTES)];
        self.engine.ingest(Datagram { endpoint: self.endpoint, peer, ecn: 0, bytes }, self.now);
    }

    fn step(&mut self, input: &mut Input<'_>) {
        match input.byte() % 10 {
            0..=3 => {
                let space =
                    [Space::Initial, Space::Handshake, Space::OneRtt, Space::OneRtt][usize::from(input.byte() % 4)];
                let frames = Frames::new().raw(input.counted(1150));
                if self.rogue.has_keys(space) {
                    self.rogue.send(space, &frames);
                }
            }
            4 => {
                let shape = Shape {
                    number: Some(self.rogue.next_number(Space::OneRtt) + u64::from(input.number() % 100_000)),
                    reserved: input.byte() & 3,
                    ..Shape::default()
                };
                let frames = Frames::new().ping().raw(input.counted(200));
                if self.rogue.has_keys(Space::OneRtt) {
                    self.rogue.send_shaped(Space::OneRtt, &frames, &shape);
                }
            }
            5 => {
                let packet = input.counted(SLOT_BYTES).to_vec();
                self.ingest(&packet);
            }
            6 => {
                // An old packet, changed.
                let at = usize::from(input.byte());
                if let Some(packet) = self.sent.get(at % self.sent.len().max(1)) {
                    let mut packet = packet.clone();
                    let place = input.number() as usize % packet.len().max(1);
                    if let Some(byte) = packet.get_mut(place) {
                        *byte ^= input.byte();
                    }
                    self.ingest(&packet);
                }
            }
            7 => self.now += u64::from(input.number() % 5_000_000),
            8 => self.from = SocketAddr::from(([192, 0, 2, input.byte()], 1000 + u16::from(input.byte() % 4))),
            _ => self.rogue.acknowledges = !self.rogue.acknowledges,
        }
        self.carry();
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input(bytes);
    let shape = input.byte();
    let from = SocketAddr::from(([192, 0, 2, 1], 4433));
    let mut world = if shape & 1 == 0 {
        let (engine, endpoint) = server(BEGIN);
        let rogue = Peer::client(Options::default());
        World { engine, endpoint, rogue, from, now: BEGIN, sent: Vec::new() }
    } else {
        let (engine, endpoint, _) = client(BEGIN, from);
        let rogue = Peer::server(Options::default());
        World { engine, endpoint, rogue, from, now: BEGIN, sent: Vec::new() }
    };
    // Some inputs meet the handshake in its midst.
    for _ in 0..shape >> 1 & 7 {
        world.carry();
    }
    while !input.is_empty() {
        world.step(&mut input);
    }
    world.now += 60_000_000;
    world.carry();
});
