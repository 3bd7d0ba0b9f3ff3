//! AES-GCM (NIST SP 800-38D) with nonces of 96 bits, in place: AEAD_AES_128_GCM and AEAD_AES_256_GCM (RFC 5116 section 5).

use crate::{
    aead::{Aead, NONCE_BYTES, TAG_BYTES, apply, verified},
    aes::Aes,
    ghash::{Ghash, HashKey},
    octets::Octets,
    sliced::{BATCH, Sliced},
};

const BLOCK: usize = 16;

/// Blocks of the key stream before the message's: counter 0 is never used, and 1 masks the tag.
const BEFORE: usize = 2;

/// A key. Overwritten with zeros when dropped. With what is worked out once for all messages it takes about 3.5 KiB.
pub struct AesGcm<const ROUND_KEYS: usize> {
    cipher: Sliced<ROUND_KEYS>,
    hash_key: HashKey,
}

/// With a key of 128 bits.
pub type Aes128Gcm = AesGcm<11>;
/// With a key of 256 bits.
pub type Aes256Gcm = AesGcm<15>;

impl Aes128Gcm {
    /// Bytes of a key.
    pub const KEY_BYTES: usize = 16;

    /// A cipher with this key.
    #[must_use]
    pub fn new(key: &[u8; Self::KEY_BYTES]) -> Self {
        Self::of(&Aes::<11>::new(key))
    }
}

impl Aes256Gcm {
    /// Bytes of a key.
    pub const KEY_BYTES: usize = 32;

    /// A cipher with this key.
    #[must_use]
    pub fn new(key: &[u8; Self::KEY_BYTES]) -> Self {
        Self::of(&Aes::<15>::new(key))
    }
}

impl<const ROUND_KEYS: usize> AesGcm<ROUND_KEYS> {
    /// Longest message: the 32-bit block counter begins at 2 and must not wrap.
    pub const MAX_BYTES: u64 = ((1 << 32) - 2) * BLOCK as u64;

    fn of(cipher: &Aes<ROUND_KEYS>) -> Self {
        Self { cipher: Sliced::new(cipher), hash_key: HashKey::new(&cipher.encrypted(&[0; BLOCK])) }
    }

    /// Exchanges plain and sealed bytes. GHASH takes the sealed ones: after the encryption, or before the decryption.
    #[inline(always)]
    fn run<const SEAL: bool>(&self, nonce: &[u8; NONCE_BYTES], aad: &[u8], bytes: &mut [u8]) -> [u8; TAG_BYTES] {
        assert!(bytes.len() as u64 <= Self::MAX_BYTES, "the message is longer than the block counter reaches");
        let mut hash = Ghash::new(&self.hash_key);
        hash.padded(aad);

        let length = bytes.len();
        let mut blocks = [[Octets::splat(0); BATCH]; 2];
        let (mut rest, mut counter, mut before) = (bytes, 0_u32, BEFORE);
        let mut mask = Octets::splat(0);
        while before > 0 || !rest.is_empty() {
            let wanted = before + rest.len().div_ceil(BLOCK);
            let stream = self.cipher.stream(nonce, counter, wanted, &mut blocks);
            if before > 0 {
                mask = stream[1];
            }
            let now;
            (now, rest) = rest.split_at_mut(rest.len().min((stream.len() - before) * BLOCK));
            if !SEAL {
                hash.padded(now);
            }
            apply(&stream[before..], now, add);
            if SEAL {
                hash.padded(now);
            }
            counter = counter.wrapping_add(stream.len() as u32);
            before = 0;
        }

        let mut lengths = [0; BLOCK];
        lengths[..8].copy_from_slice(&(8 * aad.len() as u64).to_be_bytes());
        lengths[8..].copy_from_slice(&(8 * length as u64).to_be_bytes());
        hash.block(Octets::load(&lengths));
        let mut tag = [0; TAG_BYTES];
        (hash.finished() ^ mask).store(&mut tag);
        tag
    }
}

impl<const ROUND_KEYS: usize> Aead for AesGcm<ROUND_KEYS> {
    fn seal(&self, nonce: &[u8; NONCE_BYTES], aad: &[u8], bytes: &mut [u8]) -> [u8; TAG_BYTES] {
        self.run::<true>(nonce, aad, bytes)
    }

    fn open(&self, nonce: &[u8; NONCE_BYTES], aad: &[u8], bytes: &mut [u8], tag: &[u8; TAG_BYTES]) -> bool {
        let expected = self.run::<false>(nonce, aad, bytes);
        verified(bytes, &expected, tag)
    }
}

#[inline(always)]
fn add(block: Octets, chunk: &mut [u8; BLOCK]) {
    (Octets::load(chunk) ^ block).store(chunk);
}
