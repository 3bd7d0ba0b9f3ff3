//! What is refused, and the limits.

use moqingbird_aead::{
    AES_128_GCM, AES_256_GCM, Aead, Aes128Gcm, Aes256Gcm, CHACHA20_POLY1305, ChaCha20Poly1305, tls13_suite,
};
use rustls::{
    Side,
    crypto::ring::cipher_suite::{TLS13_AES_128_GCM_SHA256, TLS13_AES_256_GCM_SHA384, TLS13_CHACHA20_POLY1305_SHA256},
    quic::{DirectionalKeys, Suite, Version},
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Each cipher under a key of this byte.
fn ciphers(byte: u8) -> [Box<dyn Aead>; 3] {
    [
        Box::new(ChaCha20Poly1305::new(&[byte; 32])),
        Box::new(Aes128Gcm::new(&[byte; 16])),
        Box::new(Aes256Gcm::new(&[byte; 32])),
    ]
}

/// Keys of each algorithm, as rustls derives them.
fn keys() -> [DirectionalKeys; 3] {
    [TLS13_CHACHA20_POLY1305_SHA256, TLS13_AES_128_GCM_SHA256, TLS13_AES_256_GCM_SHA384].map(|ring| {
        let suite: &'static _ = Box::leak(Box::new(tls13_suite(ring.tls13().unwrap())));
        Suite { suite, quic: suite.quic.unwrap() }.keys(b"connection id", Side::Client, Version::V1).local
    })
}

#[test]
fn every_changed_bit_of_a_tag_is_noticed_and_leaves_zeros() {
    for cipher in ciphers(1) {
        let mut sealed = [2; 300];
        let tag = cipher.seal(&[3; 12], b"aad", &mut sealed);
        for bit in 0..128 {
            let (mut bytes, mut wrong) = (sealed, tag);
            wrong[bit / 8] ^= 1 << (bit % 8);
            assert!(!cipher.open(&[3; 12], b"aad", &mut bytes, &wrong));
            assert_eq!(bytes, [0; 300]);
        }
    }
}

#[test]
fn a_changed_message_header_nonce_or_key_is_noticed() {
    for (cipher, another) in ciphers(1).iter().zip(&ciphers(2)) {
        for length in [1, 15, 16, 17, 96, 97, 191, 192, 193, 447, 448, 449, 1200] {
            let mut sealed = vec![7; length];
            let tag = cipher.seal(&[3; 12], b"aad", &mut sealed);
            for at in 0..length {
                let mut bytes = sealed.clone();
                bytes[at] ^= 0x10;
                assert!(!cipher.open(&[3; 12], b"aad", &mut bytes, &tag), "byte {at} of {length}");
            }
            assert!(!cipher.open(&[3; 12], b"aae", &mut sealed.clone(), &tag));
            assert!(!cipher.open(&[3; 12], b"aad\0", &mut sealed.clone(), &tag));
            assert!(!cipher.open(&[4; 12], b"aad", &mut sealed.clone(), &tag));
            assert!(!another.open(&[3; 12], b"aad", &mut sealed.clone(), &tag));
            assert!(!cipher.open(&[3; 12], b"aad", &mut sealed[..length - 1].to_vec(), &tag));
            assert!(cipher.open(&[3; 12], b"aad", &mut sealed, &tag));
        }
    }
}

#[test]
fn a_packet_shorter_than_a_tag_is_refused() {
    for DirectionalKeys { packet: key, .. } in keys() {
        for length in 0..16 {
            assert!(key.decrypt_in_place(0, b"header", &mut vec![0; length]).is_err());
        }
        let tag = key.encrypt_in_place(0, b"header", &mut []).unwrap();
        let mut packet = tag.as_ref().to_vec();
        assert_eq!(key.decrypt_in_place(0, b"header", &mut packet).unwrap(), [0_u8; 0]);
    }
}

#[test]
fn wrong_samples_and_long_packet_numbers_change_nothing() {
    for DirectionalKeys { header: key, .. } in keys() {
        let (mut first, mut number) = (0x43, [9; 5]);
        for sample in [&[0; 15][..], &[0; 17], &[]] {
            assert!(key.encrypt_in_place(sample, &mut first, &mut number[..4]).is_err());
            assert!(key.decrypt_in_place(sample, &mut first, &mut number[..4]).is_err());
        }
        assert!(key.encrypt_in_place(&[0; 16], &mut first, &mut number).is_err());
        assert_eq!((first, number), (0x43, [9; 5]));
        assert_eq!(key.sample_len(), 16);
    }
}

/// RFC 9001 section 6.6.
#[test]
fn the_limits_are_those_of_the_rfc() {
    let limits = keys().map(|keys| (keys.packet.confidentiality_limit(), keys.packet.integrity_limit()));
    assert_eq!(limits, [(u64::MAX, 1 << 36), (1 << 23, 1 << 52), (1 << 23, 1 << 52)]);
    assert!(keys().iter().all(|keys| keys.packet.tag_len() == 16));
    assert_eq!([CHACHA20_POLY1305, AES_128_GCM, AES_256_GCM].map(|algorithm| algorithm.aead_key_len()), [32, 16, 32]);
}
