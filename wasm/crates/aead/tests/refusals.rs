//! What is refused, and the limits.

use moqingbird_aead::{CHACHA20_POLY1305, ChaCha20Poly1305};
use rustls::crypto::cipher::Iv;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn every_changed_bit_of_a_tag_is_noticed_and_leaves_zeros() {
    let cipher = ChaCha20Poly1305::new(&[1; 32]);
    let mut sealed = [2; 300];
    let tag = cipher.seal(&[3; 12], b"aad", &mut sealed);
    for bit in 0..128 {
        let (mut bytes, mut wrong) = (sealed, tag);
        wrong[bit / 8] ^= 1 << (bit % 8);
        assert!(!cipher.open(&[3; 12], b"aad", &mut bytes, &wrong));
        assert_eq!(bytes, [0; 300]);
    }
}

#[test]
fn a_changed_message_header_nonce_or_key_is_noticed() {
    let cipher = ChaCha20Poly1305::new(&[1; 32]);
    for length in [1, 15, 16, 17, 191, 192, 193, 447, 448, 449, 1200] {
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
        assert!(!ChaCha20Poly1305::new(&[2; 32]).open(&[3; 12], b"aad", &mut sealed.clone(), &tag));
        assert!(!cipher.open(&[3; 12], b"aad", &mut sealed[..length - 1].to_vec(), &tag));
        assert!(cipher.open(&[3; 12], b"aad", &mut sealed, &tag));
    }
}

#[test]
fn a_packet_shorter_than_a_tag_is_refused() {
    let key = CHACHA20_POLY1305.packet_key([1; 32].into(), Iv::from([2; 12]));
    for length in 0..16 {
        assert!(key.decrypt_in_place(0, b"header", &mut vec![0; length]).is_err());
    }
    let tag = key.encrypt_in_place(0, b"header", &mut []).unwrap();
    let mut packet = tag.as_ref().to_vec();
    assert_eq!(key.decrypt_in_place(0, b"header", &mut packet).unwrap(), [0_u8; 0]);
}

#[test]
fn wrong_samples_and_long_packet_numbers_change_nothing() {
    let key = CHACHA20_POLY1305.header_protection_key([1; 32].into());
    let (mut first, mut number) = (0x43, [9; 5]);
    for sample in [&[0; 15][..], &[0; 17], &[]] {
        assert!(key.encrypt_in_place(sample, &mut first, &mut number[..4]).is_err());
        assert!(key.decrypt_in_place(sample, &mut first, &mut number[..4]).is_err());
    }
    assert!(key.encrypt_in_place(&[0; 16], &mut first, &mut number).is_err());
    assert_eq!((first, number), (0x43, [9; 5]));
    assert_eq!(key.sample_len(), 16);
}

/// RFC 9001 section 6.6.
#[test]
fn the_limits_are_those_of_the_rfc() {
    let key = CHACHA20_POLY1305.packet_key([1; 32].into(), Iv::from([2; 12]));
    assert_eq!(key.integrity_limit(), 1 << 36);
    assert_eq!(key.confidentiality_limit(), u64::MAX);
    assert_eq!(key.tag_len(), 16);
    assert_eq!(CHACHA20_POLY1305.aead_key_len(), 32);
}
