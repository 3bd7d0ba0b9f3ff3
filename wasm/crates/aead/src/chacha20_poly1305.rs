//! AEAD_CHACHA20_POLY1305 (RFC 8439 section 2.8), in place.

use zeroize::Zeroize;

use crate::{
    aead::{Aead, HeaderMask, NONCE_BYTES, SAMPLE_BYTES, TAG_BYTES, apply, verified},
    chacha::{BATCH, BLOCK, State, batch, header_mask, initial_state, words},
    lanes::Lanes,
    poly1305::Poly1305,
};

/// What the first batch leaves for the message: block 0 is Poly1305's key.
const FIRST: usize = BATCH - BLOCK;

/// A key. Overwritten with zeros when dropped.
pub struct ChaCha20Poly1305 {
    key: [u32; 8],
}

impl ChaCha20Poly1305 {
    /// Bytes of a key.
    pub const KEY_BYTES: usize = 32;
    /// Longest message: the 32-bit block counter begins at 1 and must not wrap.
    pub const MAX_BYTES: u64 = ((1 << 32) - 1) * BLOCK as u64;

    /// A cipher with this key.
    #[must_use]
    pub fn new(key: &[u8; Self::KEY_BYTES]) -> Self {
        Self { key: words(key) }
    }

    /// Exchanges plain and sealed bytes. Poly1305 always takes the sealed ones: behind the encryption, one batch late, or
    /// ahead of the decryption, in the batch that they belong to.
    #[inline(always)]
    fn run<const SEAL: bool>(&self, nonce: &[u8; NONCE_BYTES], aad: &[u8], bytes: &mut [u8]) -> [u8; TAG_BYTES] {
        assert!(bytes.len() as u64 <= Self::MAX_BYTES, "the message is longer than the block counter reaches");
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
        apply(&rows[4..], &mut bytes[..done], add);

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
            apply(&rows, &mut bytes[done..end], add);
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

impl Aead for ChaCha20Poly1305 {
    fn seal(&self, nonce: &[u8; NONCE_BYTES], aad: &[u8], bytes: &mut [u8]) -> [u8; TAG_BYTES] {
        self.run::<true>(nonce, aad, bytes)
    }

    fn open(&self, nonce: &[u8; NONCE_BYTES], aad: &[u8], bytes: &mut [u8], tag: &[u8; TAG_BYTES]) -> bool {
        let expected = self.run::<false>(nonce, aad, bytes);
        verified(bytes, &expected, tag)
    }
}

impl HeaderMask for ChaCha20Poly1305 {
    /// The first bytes of the block whose counter and nonce are the sample (RFC 9001 section 5.4.4).
    fn header_mask(&self, sample: &[u8; SAMPLE_BYTES]) -> [u8; 5] {
        header_mask(&self.key, sample)
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

#[inline(always)]
fn add(row: Lanes, chunk: &mut [u8; 16]) {
    Lanes::load(chunk).xor(row).store(chunk);
}
