//! Against ring, the implementation we would use otherwise. What is random repeats from the printed seed:
//! `AEAD_SEED=… cargo test -p moqingbird-aead --test differential`.

use moqingbird_aead::{Aead, Aes128Gcm, Aes256Gcm, ChaCha20Poly1305, tls13_suite};
use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use rustls::{
    Side,
    crypto::ring::cipher_suite::{TLS13_AES_128_GCM_SHA256, TLS13_AES_256_GCM_SHA384, TLS13_CHACHA20_POLY1305_SHA256},
    quic::{Suite, Version},
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// One cipher of ours and of ring's.
struct Pair {
    ours: fn(&[u8; 32]) -> Box<dyn Aead>,
    ring: &'static Algorithm,
}

const CHACHA: Pair = Pair { ours: |key| Box::new(ChaCha20Poly1305::new(key)), ring: &CHACHA20_POLY1305 };
const AES_128: Pair = Pair { ours: |key| Box::new(Aes128Gcm::new(key.first_chunk().unwrap())), ring: &AES_128_GCM };
const AES_256: Pair = Pair { ours: |key| Box::new(Aes256Gcm::new(key)), ring: &AES_256_GCM };
const PAIRS: [Pair; 3] = [CHACHA, AES_128, AES_256];

/// xorshift64*: bytes that need only differ.
struct Random(u64);

impl Random {
    fn new() -> Self {
        let seed = std::env::var("AEAD_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_261_121);
        println!("AEAD_SEED={seed}");
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Mostly noise, sometimes the bytes that make carries run furthest.
    fn bytes(&mut self, length: usize) -> Vec<u8> {
        match self.next() % 8 {
            0 => vec![0xff; length],
            1 => vec![0; length],
            _ => (0..length).map(|_| (self.next() >> 56) as u8).collect(),
        }
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        self.bytes(N).try_into().unwrap()
    }
}

/// Seals with both, opens each other's, and sees a changed tag refused.
fn check(pair: &Pair, key: [u8; 32], nonce: [u8; 12], aad: &[u8], plain: &[u8]) {
    let label = || format!("{:?} key {key:02x?} nonce {nonce:02x?} aad {aad:02x?} length {}", pair.ring, plain.len());
    let ours = (pair.ours)(&key);
    let ring = LessSafeKey::new(UnboundKey::new(pair.ring, &key[..pair.ring.key_len()]).unwrap());
    let unique = || Nonce::assume_unique_for_key(nonce);

    let mut sealed = plain.to_vec();
    let tag = ours.seal(&nonce, aad, &mut sealed);
    let mut expected = plain.to_vec();
    let ring_tag = ring.seal_in_place_separate_tag(unique(), Aad::from(aad), &mut expected).unwrap();
    assert_eq!(sealed, expected, "{}", label());
    assert_eq!(tag, ring_tag.as_ref(), "{}", label());

    let mut forged = tag;
    forged[plain.len() % 16] ^= 1 << (aad.len() % 8);
    assert!(!ours.open(&nonce, aad, &mut sealed.clone(), &forged), "{}", label());
    assert!(ours.open(&nonce, aad, &mut sealed, &tag), "{}", label());
    assert_eq!(sealed, plain, "{}", label());
}

#[test]
fn messages_of_every_length_to_beyond_all_batch_edges_with_headers_of_many_lengths() {
    let mut random = Random::new();
    for pair in &PAIRS {
        for length in (0..=720).chain((721..=2050).step_by(7)) {
            let aad = (random.next() % 65) as usize;
            let (key, nonce, aad, plain) = (random.array(), random.array(), random.bytes(aad), random.bytes(length));
            check(pair, key, nonce, &aad, &plain);
        }
    }
}

#[test]
fn every_length_of_a_header_with_messages_around_block_and_batch_edges() {
    let edges = [15, 16, 17, 63, 64, 65, 95, 96, 97, 191, 192, 193, 223, 224, 225, 351, 352, 353, 447, 448, 449];
    let mut random = Random::new();
    for pair in &PAIRS {
        for aad in 0..=64 {
            for length in [0, 1].into_iter().chain(edges) {
                let (key, nonce, aad, plain) =
                    (random.array(), random.array(), random.bytes(aad), random.bytes(length));
                check(pair, key, nonce, &aad, &plain);
            }
        }
    }
}

#[test]
fn messages_far_beyond_a_packet() {
    let mut random = Random::new();
    for pair in &PAIRS {
        // Beyond 65,536 blocks of 16 bytes the counter's third byte counts.
        for length in [65_535, 65_536, 100_003, (1 << 20) + 300] {
            let (key, nonce, plain) = (random.array(), random.array(), random.bytes(length));
            check(pair, key, nonce, b"header", &plain);
        }
    }
}

/// Carries and the final reduction of Poly1305 go wrong first on words of ones and zeros, as in Wycheproof's edge cases. A
/// header reaches it as it is.
#[test]
fn headers_that_drive_the_accumulator_to_its_edges() {
    let mut random = Random::new();
    let edges = [0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x7f, 0x80, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff];
    for low in edges {
        for high in edges {
            for middle in [0x00, 0xff] {
                let mut block = [middle; 16];
                (block[0], block[15]) = (low, high);
                for copies in [1, 2, 3, 4] {
                    check(&CHACHA, random.array(), random.array(), &block.repeat(copies), &[]);
                }
            }
        }
    }
}

/// GHASH is linear: every bit of a block, alone, at every place of a group, is all that can go wrong before the reduction.
#[test]
fn headers_with_one_bit_alone() {
    let mut random = Random::new();
    let key = random.array();
    for pair in [&AES_128, &AES_256] {
        for bit in 0..128 {
            for (before, after) in [(0, 0), (0, 3), (1, 1), (2, 2), (3, 0), (4, 1)] {
                let mut aad = vec![0; 16 * (before + 1 + after)];
                aad[16 * before + bit / 8] = 0x80 >> (bit % 8);
                check(pair, key, random.array(), &aad, &[]);
            }
        }
    }
}

/// A key's bytes, one after the other, take every value at every place of the substitution and its table.
#[test]
fn keys_of_one_byte_repeated() {
    for pair in [&AES_128, &AES_256] {
        for byte in 0..=255 {
            check(pair, [byte; 32], [!byte; 12], &[byte], &[byte; 100]);
        }
    }
}

#[test]
fn nonces_and_keys_at_their_edges() {
    for pair in &PAIRS {
        for byte in [0x00, 0x01, 0x7f, 0x80, 0xff] {
            for other in [0x00, 0xff] {
                for length in [0, 1, 64, 193, 1200] {
                    check(pair, [byte; 32], [other; 12], &[byte; 20], &vec![other; length]);
                }
            }
        }
    }
}

/// The same secrets give the same packets under ring's algorithm and ours, header protection included.
#[test]
fn packets_of_either_algorithm_are_read_by_the_other() {
    let mut random = Random::new();
    for ring in [TLS13_CHACHA20_POLY1305_SHA256, TLS13_AES_128_GCM_SHA256, TLS13_AES_256_GCM_SHA384] {
        let ring = ring.tls13().unwrap();
        let ours: &'static _ = Box::leak(Box::new(tls13_suite(ring)));
        for case in 0..500_u64 {
            let id = random.bytes(8);
            let suites =
                [Suite { suite: ring, quic: ring.quic.unwrap() }, Suite { suite: ours, quic: ours.quic.unwrap() }];
            let clients = suites.map(|suite| suite.keys(&id, Side::Client, Version::V1));
            let servers = suites.map(|suite| suite.keys(&id, Side::Server, Version::V1));
            let length = 4 + (random.next() % 1400) as usize;
            let (header, plain) = (random.bytes(20), random.bytes(length));
            let number = random.next() >> 2;
            let mut packets = Vec::new();
            for (client, reader) in clients.iter().zip(servers.iter().rev()) {
                let mut packet = plain.clone();
                let tag = client.local.packet.encrypt_in_place(number, &header, &mut packet).unwrap();
                packet.extend_from_slice(tag.as_ref());
                let mut first = if case % 2 == 0 { 0x43 } else { 0xc3 };
                let plain_first = first;
                let mut bytes = [1, 2, 3, 4];
                let sample: [u8; 16] = packet[..16].try_into().unwrap();
                client.local.header.encrypt_in_place(&sample, &mut first, &mut bytes).unwrap();
                packets.push((packet.clone(), first, bytes));
                reader.remote.header.decrypt_in_place(&sample, &mut first, &mut bytes).unwrap();
                assert_eq!((first, bytes), (plain_first, [1, 2, 3, 4]));
                assert_eq!(reader.remote.packet.decrypt_in_place(number, &header, &mut packet).unwrap(), plain);
            }
            assert_eq!(packets[0], packets[1]);
        }
    }
}
