//! A server under attack, with a healthy client and an honest rogue beside the hostile one: what the attack costs the
//! server in memory, and per packet in time, compared with honest packets of the same size in the same run.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    net::SocketAddr,
};

use moqingbird_quic::*;
use moqingbird_rogue::{Frames, Heard, Options, Peer, Space};
use web_time::Instant;

use crate::support::{Assault, MILLISECOND, Target};

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
}

/// Counts this thread's bytes in use: a test runs in one thread.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call goes to `System` unchanged; counting neither allocates nor touches the memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.set(LIVE.get() + layout.size() as isize);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        LIVE.set(LIVE.get() - layout.size() as isize);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(block, layout) }
    }
}

fn live() -> isize {
    LIVE.get()
}

/// Packets of one wave.
pub(crate) const WAVE: usize = 20;
/// Bar of PEERS: resident memory grows by at most this.
pub(crate) const MOST_GROWTH: isize = 5_000_000;
/// An attack's packet may cost the server as many honest ones: the flood of a well-behaved sender is no defence's matter.
pub(crate) const MOST_COST: f64 = 8.0;

/// Id of a client's fourth unidirectional stream.
const FOURTH_UNI: u64 = 2 + 4 * 3;

/// What an attack did.
#[derive(Debug)]
pub(crate) struct Damage {
    /// Most bytes in use above those before the first wave.
    pub(crate) growth: isize,
    /// Median time per wave over that of honest waves of equal size.
    pub(crate) cost: f64,
    /// Waves sent before the server ended the connection.
    pub(crate) waves: usize,
}

pub(crate) struct Siege {
    pub(crate) assault: Assault,
    honest: Peer,
    honest_address: SocketAddr,
    honest_offset: u64,
    client: Target,
    client_address: SocketAddr,
    server_address: SocketAddr,
    connection: u32,
    /// Retry packets that the attack was answered with.
    pub(crate) retries: usize,
}

impl Siege {
    pub(crate) fn begin() -> Self {
        let server_address = "192.0.2.1:4433".parse().unwrap();
        let (client, connection) = Target::client(server_address, 3);
        let mut siege = Self {
            assault: Assault::established(),
            honest: Peer::client(Options { seed: 2, ..Options::default() }),
            honest_address: "192.0.2.50:50".parse().unwrap(),
            honest_offset: 0,
            client,
            client_address: "192.0.2.10:1010".parse().unwrap(),
            server_address,
            connection,
            retries: 0,
        };
        siege.exchange_honest();
        siege.exchange_healthy(|client| !client.connected().is_empty());
        assert_eq!(siege.assault.target.connected().len(), 3);
        siege
    }

    /// With the attacker's fourth stream open, which brings it as many as there may be.
    pub(crate) fn begin_with_all_streams() -> Self {
        let mut siege = Self::begin();
        siege.assault.send(Space::OneRtt, Frames::new().stream(FOURTH_UNI, 0, b"", false));
        siege
    }

    fn exchange_honest(&mut self) {
        loop {
            let packets = self.honest.take();
            for packet in &packets {
                self.assault.target.ingest(self.honest_address, packet);
            }
            let answers = self.deliver();
            if packets.is_empty() && answers == 0 {
                return;
            }
        }
    }

    /// One turn of the server, its packets to whom they are for; how many.
    fn deliver(&mut self) -> usize {
        let answers = self.assault.target.turn();
        let count = answers.len();
        for (to, answer) in answers {
            if to == self.honest_address {
                self.honest.receive(&answer);
            } else if to == self.client_address {
                self.client.ingest(self.server_address, &answer);
            } else {
                self.assault.rogue.receive(&answer);
            }
        }
        count
    }

    fn exchange_healthy(&mut self, done: impl Fn(&Target) -> bool) {
        for _ in 0..100 {
            for (_, packet) in self.client.turn() {
                self.assault.target.ingest(self.client_address, &packet);
            }
            self.deliver();
            if done(&self.client) {
                return;
            }
            self.client.now += MILLISECOND;
            self.assault.target.now += MILLISECOND;
        }
        panic!("the healthy client was not served");
    }

    /// The healthy client sends an object and waits for its acknowledgement: it must come within a few turns.
    fn healthy_trip(&mut self) {
        self.client.events.clear();
        self.client.send(self.connection, Dir::Uni, &[7; 500]);
        self.exchange_healthy(|client| client.events.iter().any(|event| matches!(event, Event::Acked { .. })));
    }

    /// Hands the server a wave and takes the time until it has answered.
    fn storm(&mut self, from: SocketAddr, packets: &[Vec<u8>]) -> f64 {
        let begun = Instant::now();
        for packet in packets {
            self.assault.target.ingest(from, packet);
        }
        let answers = self.assault.target.turn();
        let taken = begun.elapsed().as_secs_f64();
        for (to, answer) in answers {
            if to == self.honest_address {
                self.honest.receive(&answer);
            } else if to == self.client_address {
                self.client.ingest(self.server_address, &answer);
            } else {
                self.assault.rogue.receive(&answer);
            }
        }
        taken
    }

    fn honest_wave(&mut self) -> Vec<Vec<u8>> {
        for _ in 0..WAVE {
            let frames = Frames::new().stream(2, self.honest_offset, &[1; 1100], false);
            self.honest_offset += 1100;
            self.honest.send(Space::OneRtt, &frames);
        }
        self.honest.take()
    }

    /// Attacks `waves` times with what `wave` makes the rogue send, a healthy round trip after each.
    pub(crate) fn attack(&mut self, waves: usize, mut wave: impl FnMut(&mut Peer, usize)) -> Damage {
        let hostile = self.assault.handle();
        assert_eq!(self.assault.target.closed(hostile), None, "it is over before the attack");
        for _ in 0..20 {
            let packets = self.honest_wave();
            self.storm(self.honest_address, &packets);
            self.healthy_trip();
        }
        self.forget();
        let before = live();
        let mut damage = Damage { growth: 0, cost: 0.0, waves: 0 };
        let (mut attack, mut honest) = (Vec::new(), Vec::new());
        for n in 0..waves {
            if self.assault.rogue.close_heard().is_some() || self.assault.rogue.application_close_heard().is_some() {
                break;
            }
            damage.waves += 1;
            wave(&mut self.assault.rogue, n);
            let packets = self.assault.rogue.take();
            let taken = self.storm(self.assault.address, &packets);
            attack.push(taken / packets.len().max(1) as f64);
            drop(packets);
            let packets = self.honest_wave();
            honest.push(self.storm(self.honest_address, &packets) / packets.len() as f64);
            drop(packets);
            self.healthy_trip();
            self.forget();
            damage.growth = damage.growth.max(live() - before);
        }
        damage.cost = median(attack) / median(honest);
        damage
    }

    /// Drops what the parties remember for tests, but how it ended.
    fn forget(&mut self) {
        self.retries += self.assault.rogue.count(|heard| matches!(heard, Heard::Retry { .. }));
        self.honest.heard = Vec::new();
        self.client.events = Vec::new();
        self.assault
            .rogue
            .heard
            .retain(|(_, heard)| matches!(heard, Heard::Close { .. } | Heard::ApplicationClose { .. }));
        self.assault.rogue.heard.shrink_to_fit();
        self.assault.target.events.retain(|event| matches!(event, Event::Connected { .. } | Event::Closed { .. }));
        self.assault.target.events.shrink_to_fit();
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
