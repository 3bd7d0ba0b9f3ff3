//! Connection ids crafted by someone who knows the hash keys of quinn-proto's tables, which are no secret on wasm: all of
//! them fall into one place of one table. In quinn-proto alone each packet then costs a search through them; behind the
//! engine's keyed filter it costs what packets with random ids cost. Times are compared within one run.

mod support;

use std::{
    hash::{BuildHasher, RandomState},
    net::SocketAddr,
    sync::Arc,
};

use moqingbird_quic::{Datagram, EndpointLimits, Engine};
use moqingbird_rogue::{Options, Peer};
use quinn_proto::{ConnectionId, DatagramEvent, Endpoint, EndpointConfig, Incoming, ServerConfig};
use rand::{Rng, SeedableRng, rngs::StdRng};
use siphasher::sip::SipHasher13;
use support::Target;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;
use web_time::Instant;

/// Connections of the attacker: as many as a table of 256 places takes.
const OPEN: usize = 224;
/// Ids that no connection has, for packets that are searched in vain.
const PROBES: usize = 16;
/// Bits of the hash that decide about place and tag in a table of 256 (hashbrown: the lowest, and the topmost seven of a usize).
const PLACE: u64 = 0x7f << (usize::BITS - 7) | 0xff;
const ROUNDS: usize = 200;

type Id = [u8; 8];

/// Two keys of std's hash tables, as the attacker knows them: the first counts the tables of the thread.
fn keys() -> [u64; 2] {
    assert_eq!(size_of::<RandomState>(), 16, "std has other keys than it had");
    // SAFETY: of equal size, and any bits are numbers. Whether they are the keys is looked at below.
    let keys: [u64; 2] = unsafe { std::mem::transmute(RandomState::new()) };
    // SAFETY: the same numbers back.
    let state: RandomState = unsafe { std::mem::transmute(keys) };
    let hash = state.hash_one(ConnectionId::new(&[7; 8]));
    let orders = [keys, [keys[1], keys[0]]];
    orders.into_iter().find(|&keys| Hashing::new(keys).hash(&[7; 8]) == hash).expect("std hashes otherwise than it did")
}

/// What std's table makes of connection ids: it hashes their length, the room for 20 bytes, and those.
struct Hashing {
    hasher: SipHasher13,
    bytes: [u8; Self::HEAD + 20],
}

impl Hashing {
    const HEAD: usize = 1 + size_of::<usize>();

    fn new([first, second]: [u64; 2]) -> Self {
        let mut key = [0; 16];
        key[..8].copy_from_slice(&first.to_le_bytes());
        key[8..].copy_from_slice(&second.to_le_bytes());
        let mut bytes = [0; Self::HEAD + 20];
        bytes[0] = 8;
        bytes[1..Self::HEAD].copy_from_slice(&20usize.to_ne_bytes());
        Self { hasher: SipHasher13::new_with_key(&key), bytes }
    }

    fn hash(&mut self, id: &Id) -> u64 {
        self.bytes[Self::HEAD..Self::HEAD + 8].copy_from_slice(id);
        self.hasher.hash(&self.bytes)
    }
}

/// Ids that fall into one place.
fn crafted(keys: [u64; 2], count: usize) -> Vec<Id> {
    let mut hashing = Hashing::new(keys);
    (1u64..).map(u64::to_be_bytes).filter(|id| hashing.hash(id) & PLACE == 0).take(count).collect()
}

fn random(count: usize) -> Vec<Id> {
    let mut rng = StdRng::seed_from_u64(5);
    (0..count).map(|_| rng.next_u64().to_be_bytes()).collect()
}

/// A client's first packet with this id.
fn first_packet(id: Id) -> Vec<u8> {
    // The rogue marks what it makes of its seed.
    let seed = u64::from_be_bytes(id) ^ 0xa1 << 56;
    let packet = Peer::client(Options { seed, ..Options::default() }).take().swap_remove(0);
    assert_eq!(packet[6..14], id);
    packet
}

/// A 0-RTT packet: small, searched in the same table, and dropped when nothing is found.
fn probe(id: Id) -> Vec<u8> {
    [&[0xd3, 0, 0, 0, 1, 8], &id[..], &[0, 20], &[0; 20]].concat()
}

fn address(n: usize) -> SocketAddr {
    ([127, 0, 0, 1], 1000 + n as u16).into()
}

/// Median times of a wave of `crafted` packets over that of as many `random` ones, interleaved.
fn ratio(crafted: &[Vec<u8>], random: &[Vec<u8>], mut wave: impl FnMut(&[Vec<u8>])) -> f64 {
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..2 * ROUNDS {
        let begun = Instant::now();
        wave(if round % 2 == 0 { crafted } else { random });
        times[round % 2].push(begun.elapsed().as_secs_f64());
    }
    let [crafted, random] = times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[ROUNDS / 2]
    });
    crafted / random
}

fn probes(ids: &[Id]) -> Vec<Vec<u8>> {
    ids.iter().copied().map(probe).collect()
}

/// The ratio in one of quinn-proto's endpoints alone, and how many tables it makes, that of ids first.
fn unfiltered() -> (f64, u64) {
    let (chain, key) = moqingbird_rogue::certificate();
    let key = rustls::pki_types::pem::PemObject::from_pem_slice(key.as_bytes()).unwrap();
    let server = ServerConfig::with_single_cert(vec![chain.into()], key).unwrap();
    let [before, same] = keys();
    let mut endpoint = Endpoint::new(Arc::new(EndpointConfig::default()), Some(Arc::new(server)), false, Some([1; 32]));
    let [after, _] = keys();
    let ids = crafted([before + 1, same], OPEN + PROBES);
    let now = Instant::now();
    let mut answer = Vec::new();
    let mut handle = |n: usize, packet: &[u8]| endpoint.handle(now, address(n), None, None, packet.into(), &mut answer);
    let open: Vec<Incoming> = ids[..OPEN]
        .iter()
        .enumerate()
        .map(|(n, &id)| match handle(n, &first_packet(id)) {
            Some(DatagramEvent::NewConnection(incoming)) => incoming,
            _ => panic!("a first packet is no connection"),
        })
        .collect();
    let ratio = ratio(&probes(&ids[OPEN..]), &probes(&random(PROBES)), |packets| {
        for packet in packets {
            assert!(handle(0, packet).is_none());
        }
    });
    open.into_iter().for_each(|incoming| endpoint.ignore(incoming));
    (ratio, after - before - 1)
}

/// The ratio in the engine, for ids crafted for one of its endpoints.
fn filtered(tables: u64) -> f64 {
    let limits = EndpointLimits { handshakes: 1 << 20, ..EndpointLimits::default() };
    let [before, same] = keys();
    let mut target = Target::server_with(limits);
    let [after, _] = keys();
    assert!(after - before > 64 * tables, "the engine has fewer endpoints than are said to be there");
    let ids = crafted([after - tables, same], OPEN + PROBES);
    for (n, &id) in ids[..OPEN].iter().enumerate() {
        target.ingest(address(n), &first_packet(id));
        target.turn();
    }
    let server = target.engine.intern_peer(address(0)).unwrap();
    let Target { engine, endpoint, now, .. } = &mut target;
    ratio(&probes(&ids[OPEN..]), &probes(&random(PROBES)), |packets| {
        for packet in packets {
            engine.ingest(Datagram { endpoint: *endpoint, peer: server, ecn: 0, bytes: packet }, *now);
        }
    })
}

#[test]
fn a_flood_of_crafted_ids_costs_per_packet_what_one_of_random_ids_costs() {
    let (unfiltered, tables) = unfiltered();
    let filtered = filtered(tables);
    println!(
        "a crafted id for a random one, {OPEN} open: {unfiltered:.2} in quinn-proto alone, {filtered:.2} in the engine"
    );
    assert!(unfiltered > 1.5, "the ids are not crafted well: {unfiltered}");
    assert!(filtered - 1.0 < (unfiltered - 1.0) / 3.0, "{filtered}, {unfiltered} in quinn-proto alone");
}
