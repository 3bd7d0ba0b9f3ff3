//! What the ciphers have in common (RFC 5116), for packets and for their headers.

use core::{array::from_fn, hint::black_box};

/// Bytes of a nonce.
pub const NONCE_BYTES: usize = 12;
/// Bytes of a tag.
pub const TAG_BYTES: usize = 16;
/// Bytes of a packet that its header's mask is made from (RFC 9001 section 5.4.2).
pub const SAMPLE_BYTES: usize = 16;

/// A key that encrypts and authenticates messages, in place.
pub trait Aead: Send + Sync {
    /// Encrypts `bytes` and returns the tag over `aad` and them. A nonce must never be used twice with one key. A panic if
    /// `bytes` are more than the cipher's `MAX_BYTES`.
    #[must_use]
    fn seal(&self, nonce: &[u8; NONCE_BYTES], aad: &[u8], bytes: &mut [u8]) -> [u8; TAG_BYTES];

    /// Decrypts `bytes` if `tag` is that of `aad` and them. Otherwise returns false and leaves zeros: nobody sees what an
    /// unauthenticated message would have said.
    #[must_use]
    fn open(&self, nonce: &[u8; NONCE_BYTES], aad: &[u8], bytes: &mut [u8], tag: &[u8; TAG_BYTES]) -> bool;
}

/// A key that protects packet headers (RFC 9001 section 5.4).
pub trait HeaderMask: Send + Sync {
    /// The mask that a sample of the packet gives.
    #[must_use]
    fn header_mask(&self, sample: &[u8; SAMPLE_BYTES]) -> [u8; 5];
}

/// What [`Aead::open`] does once the tag is known: compares without early exit, and leaves zeros if it is another.
#[inline(always)]
pub(crate) fn verified(bytes: &mut [u8], expected: &[u8; TAG_BYTES], tag: &[u8; TAG_BYTES]) -> bool {
    let different = from_fn::<u8, TAG_BYTES, _>(|i| expected[i] ^ tag[i]).into_iter().fold(0, |all, one| all | one);
    // Keeps the compiler from making it an early exit.
    let genuine = black_box(different) == 0;
    if !genuine {
        bytes.fill(0);
    }
    genuine
}

/// XORs a key stream into the bytes; there is at least as much of it.
#[inline(always)]
pub(crate) fn apply<Row: Copy>(stream: &[Row], bytes: &mut [u8], add: impl Fn(Row, &mut [u8; 16])) {
    let (whole, rest) = bytes.as_chunks_mut::<16>();
    for (chunk, row) in whole.iter_mut().zip(stream) {
        add(*row, chunk);
    }
    if !rest.is_empty() {
        let mut last = [0; 16];
        last[..rest.len()].copy_from_slice(rest);
        add(stream[whole.len()], &mut last);
        rest.copy_from_slice(&last[..rest.len()]);
    }
}
