//! AES (FIPS 197) one block at a time: round keys, and what takes a single block: header masks and the key of GHASH.

use zeroize::Zeroize;

use crate::{
    aead::{HeaderMask, SAMPLE_BYTES},
    octets::Octets,
    sbox::{product, substituted},
};

/// Round keys. Overwritten with zeros when dropped.
pub struct Aes<const ROUND_KEYS: usize>(pub(crate) [[u8; 16]; ROUND_KEYS]);

/// With a key of 128 bits.
pub type Aes128 = Aes<11>;
/// With a key of 256 bits.
pub type Aes256 = Aes<15>;

impl Aes128 {
    /// The cipher with this key.
    #[must_use]
    pub fn new(key: &[u8; 16]) -> Self {
        Self::expanded(key)
    }
}

impl Aes256 {
    /// The cipher with this key.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self::expanded(key)
    }
}

impl<const ROUND_KEYS: usize> Aes<ROUND_KEYS> {
    /// FIPS 197 section 5.2. All words but the key's own are the one a key's length before them, and something of the last.
    fn expanded(key: &[u8]) -> Self {
        let key_words = key.len() / 4;
        let mut keys = [[0; 16]; ROUND_KEYS];
        let (words, _) = keys.as_flattened_mut().as_chunks_mut::<4>();
        words.as_flattened_mut()[..key.len()].copy_from_slice(key);
        let mut constant = 1;
        for i in key_words..words.len() {
            let last = words[i - 1];
            let added = if i % key_words == 0 {
                let [a, b, c, d] = substituted_word(last);
                let turned = [b ^ constant, c, d, a];
                constant = product(constant, 2);
                turned
            } else if key_words == 8 && i % key_words == 4 {
                substituted_word(last)
            } else {
                last
            };
            words[i] = words[i - key_words];
            for (byte, sum) in words[i].iter_mut().zip(added) {
                *byte ^= sum;
            }
        }
        Self(keys)
    }

    /// FIPS 197 section 5.1.
    pub(crate) fn encrypted(&self, block: &[u8; 16]) -> [u8; 16] {
        let shifted_rows = Octets::load(&SHIFTED_ROWS);
        let [first, rounds @ .., last] = &self.0[..] else { unreachable!("AES has rounds") };
        let mut state = Octets::load(block) ^ Octets::load(first);
        for key in rounds {
            state = mixed(substituted(state).swizzled(shifted_rows)) ^ Octets::load(key);
        }
        let mut result = [0; 16];
        (substituted(state).swizzled(shifted_rows) ^ Octets::load(last)).store(&mut result);
        result
    }
}

impl<const ROUND_KEYS: usize> HeaderMask for Aes<ROUND_KEYS> {
    /// The first bytes of the encrypted sample (RFC 9001 section 5.4.3).
    fn header_mask(&self, sample: &[u8; SAMPLE_BYTES]) -> [u8; 5] {
        let [a, b, c, d, e, ..] = self.encrypted(sample);
        [a, b, c, d, e]
    }
}

impl<const ROUND_KEYS: usize> Drop for Aes<ROUND_KEYS> {
    fn drop(&mut self) {
        self.0.as_flattened_mut().zeroize();
    }
}

fn substituted_word([a, b, c, d]: [u8; 4]) -> [u8; 4] {
    let mut bytes = [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    substituted(Octets::load(&bytes)).store(&mut bytes);
    let [a, b, c, d, ..] = bytes;
    [a, b, c, d]
}

/// FIPS 197 section 5.1.3: twice the sum with the next row, the next row, and the sum of the other two.
#[inline(always)]
fn mixed(state: Octets) -> Octets {
    let next = state.swizzled(Octets::load(&NEXT_ROW));
    let sum = state ^ next;
    let doubled = sum.plus(sum) ^ (sum.highest_bits() & Octets::splat(0x1b));
    doubled ^ next ^ sum.swizzled(Octets::load(&SECOND_NEXT_ROW))
}

/// FIPS 197 section 5.1.2: where each byte comes from. The bytes of a column stand side by side.
static SHIFTED_ROWS: [u8; 16] = [0, 5, 10, 15, 4, 9, 14, 3, 8, 13, 2, 7, 12, 1, 6, 11];
static NEXT_ROW: [u8; 16] = [1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12];
static SECOND_NEXT_ROW: [u8; 16] = [2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13];
