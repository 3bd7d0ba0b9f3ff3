//! AEAD_CHACHA20_POLY1305 (RFC 8439 section 2.8), in place.

use core::{array::from_fn, hint::black_box};

use zeroize::Zeroize;

use crate::{
    chacha::{BATCH, BLOCK, State, batch, header_mask, initial_state, words},
    lanes::Lanes,
    poly1305::Poly1305,
};

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;
/// Bytes of a nonce.
pub const NONCE_BYTES: usize = 12;
/// Bytes of a tag.
pub const TAG_BYTES: usize = 16;
/// Longest message: the 32-bit block counter begins at 1 and must not wrap.
pub const MAX_BYTES: u64 = ((1 << 32) - 1) * BLOCK as u64;

/// What the first batch leaves for the message: block 0 is Poly1305's key.
const FIRST: usize = BATCH - BLOCK;

/// A key. Overwritten with zeros when dropped.
pub struct ChaCha20Poly1305 {
    key: [u32; 8],
}

impl ChaCha20Poly1305 {
    /// A cipher with this key.
    #[must_use]
    pub fn new(key: &[u8; KEY_BYTES]) -> Self {
        Self { key: words(key) }
    }

    /// Encrypts `bytes` and returns the tag over `aad` and them. A nonce must never be used twice with one key, and
    /// `bytes` be at most [`MAX_BYTES`] long; a panic otherwise.
    #[must_use]
    pub fn seal(&self, nonce: &[u8; NONCE_BYTES], aad: &[u8], bytes: &mut [u8]) -> [u8; TAG_BYTES] {
        self.run::<true>(nonce, aad, bytes)
    }

    /// Decrypts `bytes` if `tag` is that of `aad` and them. Otherwise returns false and leaves zeros: nobody sees what an
    /// unauthenticated message would have said.
    #[must_use]
    pub fn open(&self, nonce: &[u8; NONCE_BYTES], aad: &[u8], bytes: &mut [u8], tag: &[u8; TAG_BYTES]) -> bool {
        let genuine = equal(&self.run::<false>(nonce, aad, bytes), tag);
        if !genuine {
            bytes.fill(0);
        }
        genuine
    }

    /// The first five bytes of ChaCha20's block whose counter and nonce are the sample (RFC 9001 section 5.4.4).
    #[must_use]
    pub fn header_mask(&self, sample: &[u8; 16]) -> [u8; 5] {
        header_mask(&self.key, sample)
    }

    /// Exchanges plain and sealed bytes. Poly1305 always takes the sealed ones: behind the encryption, one batch late, or
    /// ahead of the decryption, in the batch that they belong to.
    #[inline(always)]
    fn run<const SEAL: bool>(&self, nonce: &[u8; NONCE_BYTES], aad: &[u8], bytes: &mut [u8]) -> [u8; TAG_BYTES] {
        assert!(bytes.len() as u64 <= MAX_BYTES, "the message is longer than the block counter reaches");
        let state: State = initial_state(&self.key, words(nonce));
        let mut mac = Poly1305::new([0; 8]);
        let (rows, _) = batch(&state, 0, &mut mac, &[]);
        mac = Poly1305::new(one_time_key(&rows));
        mac.padded(aad);

        let length = bytes.len();
        let mut authenticated = 0;
        let mut done = length.min(FIRST);
        if !SEAL {
            // What has to be read before it is overwritten. The last, partial block stays for the end.
            if length > FIRST {
                mac.blocks(&bytes[..FIRST]);
                authenticated = FIRST;
            } else {
                mac.padded(bytes);
                authenticated = length;
            }
        }
        apply(&rows[4..], &mut bytes[..done]);

        let mut counter = 4;
        while done < length {
            let end = length.min(done + BATCH);
            let ready = if SEAL { authenticated..done } else { done..end };
            let (rows, taken) = batch(&state, counter, &mut mac, &bytes[ready.clone()]);
            authenticated = ready.start + taken;
            if authenticated < ready.end {
                mac.padded(&bytes[authenticated..ready.end]);
                authenticated = ready.end;
            }
            apply(&rows, &mut bytes[done..end]);
            done = end;
            counter = counter.wrapping_add(4);
        }
        if SEAL {
            mac.padded(&bytes[authenticated..]);
        }
        let mut lengths = [0; 16];
        lengths[..8].copy_from_slice(&(aad.len() as u64).to_le_bytes());
        lengths[8..].copy_from_slice(&(length as u64).to_le_bytes());
        mac.blocks(&lengths);
        mac.tag()
    }
}

impl Drop for ChaCha20Poly1305 {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

/// The first half of block 0.
#[inline(always)]
fn one_time_key(rows: &[Lanes; 16]) -> [u32; 8] {
    let mut bytes = [[0; 16]; 2];
    rows[0].store(&mut bytes[0]);
    rows[1].store(&mut bytes[1]);
    words(bytes.as_flattened())
}

/// XORs the key stream into the bytes; there is at least as much of it.
#[inline(always)]
fn apply(rows: &[Lanes], bytes: &mut [u8]) {
    let (whole, rest) = bytes.as_chunks_mut::<16>();
    for (chunk, row) in whole.iter_mut().zip(rows) {
        Lanes::load(chunk).xor(*row).store(chunk);
    }
    if !rest.is_empty() {
        let mut last = [0; 16];
        rows[whole.len()].store(&mut last);
        for (byte, key) in rest.iter_mut().zip(last) {
            *byte ^= key;
        }
    }
}

/// Compares without early exit. The black box keeps the compiler from making it one.
#[inline(always)]
fn equal(a: &[u8; TAG_BYTES], b: &[u8; TAG_BYTES]) -> bool {
    let different = from_fn::<u8, TAG_BYTES, _>(|i| a[i] ^ b[i]).into_iter().fold(0, |all, one| all | one);
    black_box(different) == 0
}
