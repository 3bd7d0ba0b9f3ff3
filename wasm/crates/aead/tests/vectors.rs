//! Sample bytes of RFC 8439 and RFC 9001.

mod common;

use common::{array, hex};
use moqingbird_aead::{CHACHA20_POLY1305, ChaCha20Poly1305};
use rustls::crypto::cipher::Iv;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// RFC 8439 section 2.8.2: AEAD.
#[test]
fn the_aead_example_seals_and_opens() {
    let cipher =
        ChaCha20Poly1305::new(&array("80818283 84858687 88898a8b 8c8d8e8f 90919293 94959697 98999a9b 9c9d9e9f"));
    let nonce = array("07000000 40414243 44454647");
    let aad = hex("50515253 c0c1c2c3 c4c5c6c7");
    let plain = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, \
sunscreen would be it.";
    let sealed = hex("
        d31a8d34 648e60db 7b86afbc 53ef7ec2 a4aded51 296e08fe a9e2b5a7 36ee62d6 3dbea45e 8ca96712 82fafb69 da92728b
        1a71de0a 9e060b29 05d6a5b6 7ecd3b36 92ddbd7f 2d778b8c 9803aee3 28091b58 fab324e4 fad67594 5585808b 4831d7bc
        3ff4def0 8e4b7a9d e576d265 86cec64b 6116");
    let tag = array("1ae10b59 4f09e26a 7e902ecb d0600691");

    let mut bytes = plain.to_vec();
    assert_eq!(cipher.seal(&nonce, &aad, &mut bytes), tag);
    assert_eq!(bytes, sealed);
    assert!(cipher.open(&nonce, &aad, &mut bytes, &tag));
    assert_eq!(bytes, plain);
}

/// RFC 8439 appendix A.5: decryption.
#[test]
fn the_decryption_example_opens() {
    let cipher =
        ChaCha20Poly1305::new(&array("1c9240a5 eb55d38a f3338886 04f6b5f0 473917c1 402b8009 9dca5cbc 207075c0"));
    let nonce = array("00000000 01020304 05060708");
    let aad = hex("f3338886 00000000 00004e91");
    let mut bytes = hex("
        64a08615 75861af4 60f062c7 9be643bd 5e805cfd 345cf389 f108670a c76c8cb2 4c6cfc18 755d43ee a09ee94e 382d26b0
        bdb7b73c 321b0100 d4f03b7f 355894cf 332f830e 710b97ce 98c8a84a bd0b9481 14ad176e 008d33bd 60f982b1 ff37c855
        9797a06e f4f0ef61 c186324e 2b350638 3606907b 6a7c02b0 f9f6157b 53c867e4 b9166c76 7b804d46 a59b5216 cde7a4e9
        9040c5a4 0433225e e282a1b0 a06c523e af4534d7 f83fa115 5b004771 8cbc546a 0d072b04 b3564eea 1b422273 f548271a
        0bb23160 53fa7699 1955ebd6 3159434e cebb4e46 6dae5a10 73a67276 27097a10 49e617d9 1d361094 fa68f0ff 77987130
        305beaba 2eda04df 997b714d 6c6f2c29 a6ad5cb4 022b0270 9b");
    let tag = array("eead9d67 890cbb22 392336fe a1851f38");
    assert!(cipher.open(&nonce, &aad, &mut bytes, &tag));
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.starts_with("Internet-Drafts are draft documents valid for a maximum of six months"), "{text}");
    assert!(text.ends_with("as /\u{201c}work in progress./\u{201d}"), "{text}");
}

/// RFC 9001 appendix A.5: a short header packet that holds a PING.
#[test]
fn the_quic_sample_packet_is_made_and_read() {
    let key: [u8; 32] = array("c6d98ff3441c3fe1b2182094f69caa2ed4b716b65488960a7a984979fb23e1c8");
    let iv: [u8; 12] = array("e0459b3474bdd0e44a41c144");
    let header_key: [u8; 32] = array("25a282b9e82f06f21f488917a4fc8f1b73573685608597d0efcb076b0ab7a7a4");
    let (number, header, packet) =
        (654_360_564, hex("4200bff4"), hex("4cfe4189 655e5cd5 5c41f690 80575d79 99c25a5b fb"));

    let packets = CHACHA20_POLY1305.packet_key(key.into(), Iv::from(iv));
    let headers = CHACHA20_POLY1305.header_protection_key(header_key.into());
    let mut payload = hex("01");
    let tag = packets.encrypt_in_place(number, &header, &mut payload).unwrap();
    let mut made = [header.as_slice(), &payload, tag.as_ref()].concat();
    assert_eq!(made[4..], hex("655e5cd55c41f69080575d7999c25a5bfb"));

    // The sample begins where a packet number of four bytes would end: one byte into the payload.
    let sample: Vec<u8> = made[5..21].to_vec();
    assert_eq!(sample, hex("5e5cd55c41f69080575d7999c25a5bfb"));
    let (first, rest) = made.split_first_mut().unwrap();
    headers.encrypt_in_place(&sample, first, &mut rest[..3]).unwrap();
    assert_eq!(made, packet);

    let (first, rest) = made.split_first_mut().unwrap();
    headers.decrypt_in_place(&sample, first, &mut rest[..3]).unwrap();
    let (read, body) = made.split_at_mut(4);
    assert_eq!(read, header);
    assert_eq!(packets.decrypt_in_place(number, read, body).unwrap(), [1]);
}
