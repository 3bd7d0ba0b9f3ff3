//! AES in counter mode, eight blocks at a time as planes of bits: bit `j` of byte `i` of plane `b` is bit `b` of byte `i`
//! of block `j`. In the planes the state stands row by row, so that mixing columns moves whole words.

use core::{array::from_fn, hint::black_box};

use zeroize::Zeroize;

use crate::{
    aead::NONCE_BYTES,
    aes::Aes,
    octets::Octets,
    sbox::{CONSTANT, substitute},
};

/// Blocks of one batch.
pub(crate) const BATCH: usize = 8;

type Planes = [Octets; 8];
/// Planes of a round key: eight times the same block.
type KeyPlanes = [[u8; 16]; 8];

/// Round keys as planes. Overwritten with zeros when dropped.
pub(crate) struct Sliced<const ROUND_KEYS: usize>([KeyPlanes; ROUND_KEYS]);

impl<const ROUND_KEYS: usize> Sliced<ROUND_KEYS> {
    pub(crate) fn new(cipher: &Aes<ROUND_KEYS>) -> Self {
        let mut all = [[[0; 16]; 8]; ROUND_KEYS];
        for (round, (planes, key)) in all.iter_mut().zip(&cipher.0).enumerate() {
            // What the substitution before leaves out. Neither shifting nor mixing would change it.
            let constant = Octets::splat(if round == 0 { 0 } else { CONSTANT });
            let places = Octets::load(if round == ROUND_KEYS - 1 { &LAST_ROWS } else { &ROWS });
            let rows = (Octets::load(key) ^ constant).swizzled(places);
            for (plane, bits) in planes.iter_mut().zip(same_in_all(rows)) {
                bits.store(plane);
            }
        }
        Self(all)
    }

    /// The encrypted blocks of `nonce` and `counter`, `counter + 1` and so on: one batch, or two if more are `wanted`.
    /// `counter` is a multiple of eight.
    pub(crate) fn stream<'a>(
        &self,
        nonce: &[u8; NONCE_BYTES],
        counter: u32,
        wanted: usize,
        blocks: &'a mut [[Octets; BATCH]; 2],
    ) -> &'a [Octets] {
        if wanted > BATCH {
            *blocks = stream(&self.0, nonce, counter);
            blocks.as_flattened()
        } else {
            [blocks[0]] = stream(&self.0, nonce, counter);
            &blocks[0]
        }
    }
}

impl<const ROUND_KEYS: usize> Drop for Sliced<ROUND_KEYS> {
    fn drop(&mut self) {
        self.0.as_flattened_mut().as_flattened_mut().zeroize();
    }
}

/// Two batches at once take less time than one after the other: within a batch, each step waits for the one before.
#[inline(never)]
fn stream<const BATCHES: usize>(
    keys: &[KeyPlanes],
    nonce: &[u8; NONCE_BYTES],
    counter: u32,
) -> [[Octets; BATCH]; BATCHES] {
    let [first, rounds @ .., last] = keys else { unreachable!("AES has rounds") };
    // V8 builds the operand of a constant shuffle anew each time; hidden from the compiler, it is read.
    let shifted_rows = Octets::load(black_box(&SHIFTED_ROWS));
    let mut batches: [Planes; BATCHES] =
        from_fn(|i| added(counted(nonce, counter.wrapping_add((i * BATCH) as u32)), first));
    for key in rounds {
        for state in &mut batches {
            substitute(state);
            *state = added(mixed(state.map(|plane| plane.swizzled(shifted_rows))), key);
        }
    }
    batches.map(|mut state| {
        substitute(&mut state);
        blocks(added(state, last))
    })
}

/// The eight blocks to be encrypted. They differ in three bits of the last byte, so one of them tells all planes.
#[inline(always)]
fn counted(nonce: &[u8; NONCE_BYTES], counter: u32) -> Planes {
    let mut block = [0; 16];
    block[..NONCE_BYTES].copy_from_slice(nonce);
    block[NONCE_BYTES..].copy_from_slice(&counter.to_be_bytes());
    let mut planes = same_in_all(Octets::load(&block).swizzled(Octets::load(&ROWS)));
    for (plane, bits) in planes.iter_mut().zip([0xaa, 0xcc, 0xf0]) {
        let mut last = [0; 16];
        last[15] = bits;
        *plane = *plane ^ Octets::load(&last);
    }
    planes
}

/// One block, eight times.
#[inline(always)]
fn same_in_all(block: Octets) -> Planes {
    from_fn(|bit| {
        let bit = Octets::splat(1 << bit);
        (block & bit).equal(bit)
    })
}

#[inline(always)]
fn added(planes: Planes, key: &KeyPlanes) -> Planes {
    from_fn(|i| planes[i] ^ Octets::load(&key[i]))
}

/// FIPS 197 section 5.1.3: twice the sum with the next row, the next row, and the sum of the other two.
#[inline(always)]
fn mixed(planes: Planes) -> Planes {
    let next = planes.map(Octets::rotated::<1>);
    let sum: Planes = from_fn(|i| planes[i] ^ next[i]);
    let rest: Planes = from_fn(|i| next[i] ^ sum[i].rotated::<2>());
    let carry = sum[7];
    [
        carry ^ rest[0],
        sum[0] ^ carry ^ rest[1],
        sum[1] ^ rest[2],
        sum[2] ^ carry ^ rest[3],
        sum[3] ^ carry ^ rest[4],
        sum[4] ^ rest[5],
        sum[5] ^ rest[6],
        sum[6] ^ rest[7],
    ]
}

/// Back from planes: the eight times eight bits of each byte are transposed.
#[inline(always)]
fn blocks(mut planes: Planes) -> [Octets; BATCH] {
    for i in [0, 2, 4, 6] {
        exchange::<1>(&mut planes, i, 0x55);
    }
    for i in [0, 1, 4, 5] {
        exchange::<2>(&mut planes, i, 0x33);
    }
    for i in [0, 1, 2, 3] {
        exchange::<4>(&mut planes, i, 0x0f);
    }
    let columns = Octets::load(&COLUMNS);
    planes.map(|block| block.swizzled(columns))
}

#[inline(always)]
fn exchange<const BITS: u32>(planes: &mut Planes, low: usize, mask: u8) {
    let (mut a, mut b) = (planes[low], planes[low + BITS as usize]);
    Octets::exchange::<BITS>(&mut a, &mut b, mask);
    (planes[low], planes[low + BITS as usize]) = (a, b);
}

/// FIPS 197 section 5.1.2, with the state row by row.
static SHIFTED_ROWS: [u8; 16] = [0, 1, 2, 3, 5, 6, 7, 4, 10, 11, 8, 9, 15, 12, 13, 14];
/// From columns, as a block has them, to rows.
static ROWS: [u8; 16] = [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15];
/// The last round key's bytes where they stand before the last shift of rows, which `COLUMNS` makes up for.
static LAST_ROWS: [u8; 16] = [0, 4, 8, 12, 13, 1, 5, 9, 10, 14, 2, 6, 7, 11, 15, 3];
/// From rows to columns, and the last round's shift of rows.
static COLUMNS: [u8; 16] = [0, 5, 10, 15, 1, 6, 11, 12, 2, 7, 8, 13, 3, 4, 9, 14];
