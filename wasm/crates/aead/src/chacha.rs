//! ChaCha20 (RFC 8439 section 2.3), four blocks at a time: vector i holds word i of four consecutive blocks.

use core::array::from_fn;

use crate::{lanes::Lanes, poly1305::Poly1305};

/// Bytes of one block.
pub(crate) const BLOCK: usize = 64;
/// Bytes of four blocks.
pub(crate) const BATCH: usize = 4 * BLOCK;

/// "expand 32-byte k", little endian.
const CONSTANTS: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];

/// The state's sixteen words; word 12 is the block counter.
pub(crate) type State = [u32; 16];

/// The state of block 0.
#[inline(always)]
pub(crate) fn initial_state(key: &[u32; 8], nonce: [u32; 3]) -> State {
    let [n0, n1, n2] = nonce;
    let [k0, k1, k2, k3, k4, k5, k6, k7] = *key;
    let [c0, c1, c2, c3] = CONSTANTS;
    [c0, c1, c2, c3, k0, k1, k2, k3, k4, k5, k6, k7, 0, n0, n1, n2]
}

/// Little-endian words of bytes.
#[inline(always)]
pub(crate) fn words<const N: usize>(bytes: &[u8]) -> [u32; N] {
    from_fn(|i| u32::from_le_bytes(from_fn(|j| bytes[4 * i + j])))
}

#[inline(always)]
fn quarter_round(v: &mut [Lanes; 16], a: usize, b: usize, c: usize, d: usize) {
    v[a] = v[a].plus(v[b]);
    v[d] = v[d].xor(v[a]).rotated::<16>();
    v[c] = v[c].plus(v[d]);
    v[b] = v[b].xor(v[c]).rotated::<12>();
    v[a] = v[a].plus(v[b]);
    v[d] = v[d].xor(v[a]).rotated::<8>();
    v[c] = v[c].plus(v[d]);
    v[b] = v[b].xor(v[c]).rotated::<7>();
}

/// Key stream of blocks `counter` to `counter + 3`, as sixteen 16-byte rows in order of the stream. Meanwhile `mac` takes
/// whole pairs of 16-byte blocks from `authenticated`; returns how many bytes it took. Woven into the rounds because the
/// processor's vector and multiplication units are then busy together: a quarter less time than one after the other.
#[inline(always)]
pub(crate) fn batch(state: &State, counter: u32, mac: &mut Poly1305, authenticated: &[u8]) -> ([Lanes; 16], usize) {
    let counters = Lanes::splat(counter).plus(Lanes::new(0, 1, 2, 3));
    let start: [Lanes; 16] = from_fn(|i| if i == 12 { counters } else { Lanes::splat(state[i]) });
    let mut v = start;
    let mut pairs = authenticated.chunks_exact(32);
    let mut taken = 0;
    for _ in 0..10 {
        quarter_round(&mut v, 0, 4, 8, 12);
        quarter_round(&mut v, 1, 5, 9, 13);
        quarter_round(&mut v, 2, 6, 10, 14);
        quarter_round(&mut v, 3, 7, 11, 15);
        let pair = pairs.next();
        if let Some(pair) = pair {
            mac.blocks(&pair[..16]);
        }
        quarter_round(&mut v, 0, 5, 10, 15);
        quarter_round(&mut v, 1, 6, 11, 12);
        quarter_round(&mut v, 2, 7, 8, 13);
        quarter_round(&mut v, 3, 4, 9, 14);
        if let Some(pair) = pair {
            mac.blocks(&pair[16..]);
            taken += 32;
        }
    }
    for i in 0..16 {
        v[i] = v[i].plus(start[i]);
    }
    let mut rows = [v[0]; 16];
    for group in 0..4 {
        let columns = Lanes::transposed(from_fn(|i| v[4 * group + i]));
        for (block, row) in columns.into_iter().enumerate() {
            rows[4 * block + group] = row;
        }
    }
    (rows, taken)
}

#[inline(always)]
fn word_round(v: &mut State, a: usize, b: usize, c: usize, d: usize) {
    v[a] = v[a].wrapping_add(v[b]);
    v[d] = (v[d] ^ v[a]).rotate_left(16);
    v[c] = v[c].wrapping_add(v[d]);
    v[b] = (v[b] ^ v[c]).rotate_left(12);
    v[a] = v[a].wrapping_add(v[b]);
    v[d] = (v[d] ^ v[a]).rotate_left(8);
    v[c] = v[c].wrapping_add(v[d]);
    v[b] = (v[b] ^ v[c]).rotate_left(7);
}

/// QUIC's header protection mask (RFC 9001 section 5.4.4): the first five bytes of one block whose counter and nonce are
/// the sample. One block alone is quicker in words: vectors would wait for each other.
pub(crate) fn header_mask(key: &[u32; 8], sample: &[u8; 16]) -> [u8; 5] {
    let [counter, n0, n1, n2] = words(sample);
    let mut start = initial_state(key, [n0, n1, n2]);
    start[12] = counter;
    let mut v = start;
    for _ in 0..10 {
        word_round(&mut v, 0, 4, 8, 12);
        word_round(&mut v, 1, 5, 9, 13);
        word_round(&mut v, 2, 6, 10, 14);
        word_round(&mut v, 3, 7, 11, 15);
        word_round(&mut v, 0, 5, 10, 15);
        word_round(&mut v, 1, 6, 11, 12);
        word_round(&mut v, 2, 7, 8, 13);
        word_round(&mut v, 3, 4, 9, 14);
    }
    let [a, b, c, d] = v[0].wrapping_add(start[0]).to_le_bytes();
    [a, b, c, d, v[1].wrapping_add(start[1]) as u8]
}
