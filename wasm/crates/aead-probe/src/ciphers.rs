//! Our ciphers, and ring's as they compile for wasm.

use moqingbird_aead::{Aead, Aes128, Aes128Gcm, Aes256, Aes256Gcm, ChaCha20Poly1305, HeaderMask};
use ring::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey, quic};

/// A key for packets and one for their headers.
pub(crate) struct Keys {
    pub(crate) packets: Box<dyn Aead>,
    pub(crate) headers: Box<dyn HeaderMask>,
}

/// The number's keys, with as many of the bytes as it wants. tools/wasm/src/probe.ts has the names.
pub(crate) fn keys(number: usize, key: &[u8; 32]) -> Keys {
    let half = key.first_chunk().expect("32 bytes");
    match number {
        0 => ours(ChaCha20Poly1305::new(key), ChaCha20Poly1305::new(key)),
        1 => ours(Aes128Gcm::new(half), Aes128::new(half)),
        2 => ours(Aes256Gcm::new(key), Aes256::new(key)),
        3 => rings(&aead::CHACHA20_POLY1305, &quic::CHACHA20, key),
        4 => rings(&aead::AES_128_GCM, &quic::AES_128, half),
        5 => rings(&aead::AES_256_GCM, &quic::AES_256, key),
        _ => panic!("no cipher has the number {number}"),
    }
}

fn ours(packets: impl Aead + 'static, headers: impl HeaderMask + 'static) -> Keys {
    Keys { packets: Box::new(packets), headers: Box::new(headers) }
}

fn rings(packets: &'static aead::Algorithm, headers: &'static quic::Algorithm, key: &[u8]) -> Keys {
    let packets = UnboundKey::new(packets, key).expect("a key of the right length");
    let headers = quic::HeaderProtectionKey::new(headers, key).expect("a key of the right length");
    ours(RingPackets(LessSafeKey::new(packets)), RingHeaders(headers))
}

struct RingPackets(LessSafeKey);

impl Aead for RingPackets {
    fn seal(&self, nonce: &[u8; 12], aad: &[u8], bytes: &mut [u8]) -> [u8; 16] {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let tag = self.0.seal_in_place_separate_tag(nonce, Aad::from(aad), bytes).expect("a short message");
        tag.as_ref().try_into().expect("16 bytes")
    }

    fn open(&self, nonce: &[u8; 12], aad: &[u8], bytes: &mut [u8], tag: &[u8; 16]) -> bool {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        self.0.open_in_place_separate_tag(nonce, Aad::from(aad), (*tag).into(), bytes, 0..).is_ok()
    }
}

struct RingHeaders(quic::HeaderProtectionKey);

impl HeaderMask for RingHeaders {
    fn header_mask(&self, sample: &[u8; 16]) -> [u8; 5] {
        self.0.new_mask(sample).expect("a sample of 16 bytes")
    }
}
