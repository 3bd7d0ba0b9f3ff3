//! Sample bytes of RFC 8439, FIPS 197, GCM's specification and RFC 9001.

mod common;

use common::{array, hex};
use moqingbird_aead::{
    Aead, Aes128, Aes128Gcm, Aes256, Aes256Gcm, CHACHA20_POLY1305, ChaCha20Poly1305, HeaderMask, tls13_suite,
};
use rustls::{
    Side,
    crypto::{cipher::Iv, ring::cipher_suite::TLS13_AES_128_GCM_SHA256},
    quic::{Suite, Version},
};
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

/// FIPS 197 appendices C.1 and C.3. A mask is the beginning of an encrypted block.
#[test]
fn the_blocks_of_fips_197_are_encrypted() {
    let block = array("00112233 44556677 8899aabb ccddeeff");
    let key = array("00010203 04050607 08090a0b 0c0d0e0f 10111213 14151617 18191a1b 1c1d1e1f");
    assert_eq!(Aes128::new(key.first_chunk().unwrap()).header_mask(&block), array("69c4e0d8 6a"));
    assert_eq!(Aes256::new(&key).header_mask(&block), array("8ea2b7ca 51"));
}

fn sealed_and_opened(cipher: &dyn Aead, nonce: &[u8; 12], aad: &[u8], plain: &[u8], sealed: &[u8], tag: &[u8; 16]) {
    let mut bytes = plain.to_vec();
    assert_eq!(&cipher.seal(nonce, aad, &mut bytes), tag);
    assert_eq!(bytes, sealed);
    assert!(cipher.open(nonce, aad, &mut bytes, tag));
    assert_eq!(bytes, plain);
}

/// McGrew and Viega, "The Galois/Counter Mode of Operation (GCM)", appendix B: test cases 1 and 2, 13 and 14.
#[test]
fn the_examples_of_gcm_with_zeros_seal_and_open() {
    let (short, long) = (Aes128Gcm::new(&[0; 16]), Aes256Gcm::new(&[0; 32]));
    sealed_and_opened(&short, &[0; 12], &[], &[], &[], &array("58e2fcce fa7e3061 367f1d57 a4e7455a"));
    sealed_and_opened(&long, &[0; 12], &[], &[], &[], &array("530f8afb c74536b9 a963b4f1 c4cb738b"));
    let sealed = hex("0388dace 60b6a392 f328c2b9 71b2fe78");
    sealed_and_opened(&short, &[0; 12], &[], &[0; 16], &sealed, &array("ab6e47d4 2cec13bd f53a67b2 1257bddf"));
    let sealed = hex("cea7403d 4d606b6e 074ec5d3 baf39d18");
    sealed_and_opened(&long, &[0; 12], &[], &[0; 16], &sealed, &array("d0d1c8a7 99996bf0 265b98b5 d48ab919"));
}

/// The same, test cases 3 and 4, 15 and 16: four blocks; and all but four bytes of them, with a header.
#[test]
fn the_examples_of_gcm_with_a_message_seal_and_open() {
    let key: [u8; 16] = array("feffe992 8665731c 6d6a8f94 67308308");
    let nonce = array("cafebabe facedbad decaf888");
    let aad = hex("feedface deadbeef feedface deadbeef abaddad2");
    let plain = hex("
        d9313225 f88406e5 a55909c5 aff5269a 86a7a953 1534f7da 2e4c303d 8a318a72
        1c3c0c95 95680953 2fcf0e24 49a6b525 b16aedf5 aa0de657 ba637b39 1aafd255");

    let cipher = Aes128Gcm::new(&key);
    let sealed = hex("
        42831ec2 21777424 4b7221b7 84d0d49c e3aa212f 2c02a4e0 35c17e23 29aca12e
        21d514b2 5466931c 7d8f6a5a ac84aa05 1ba30b39 6a0aac97 3d58e091 473f5985");
    sealed_and_opened(&cipher, &nonce, &[], &plain, &sealed, &array("4d5c2af3 27cd64a6 2cf35abd 2ba6fab4"));
    let tag = array("5bc94fbc 3221a5db 94fae95a e7121a47");
    sealed_and_opened(&cipher, &nonce, &aad, &plain[..60], &sealed[..60], &tag);

    let cipher = Aes256Gcm::new([key; 2].as_flattened().try_into().unwrap());
    let sealed = hex("
        522dc1f0 99567d07 f47f37a3 2a84427d 643a8cdc bfe5c0c9 7598a2bd 2555d1aa
        8cb08e48 590dbb3d a7b08b10 56828838 c5f61e63 93ba7a0a bcc9f662 898015ad");
    sealed_and_opened(&cipher, &nonce, &[], &plain, &sealed, &array("b094dac5 d93471bd ec1a5022 70e3cc6c"));
    let tag = array("76fc6ece 0f4e1768 cddf8853 bb2d551b");
    sealed_and_opened(&cipher, &nonce, &aad, &plain[..60], &sealed[..60], &tag);
}

/// RFC 9001 appendices A.2 and A.3: keys, samples and masks of the client's and the server's Initial packets.
#[test]
fn the_header_masks_of_the_quic_samples_are_made() {
    for (key, sample, mask) in [
        ("9f50449e04a0e810283a1e9933adedd2", "d1b1c98dd7689fb8ec11d242b123dc9b", "437b9aec36"),
        ("c206b8d9b9f0f37644430b490eeaa314", "2cd0991cd25b0aac406a5816b6394100", "2ec0d8356a"),
    ] {
        assert_eq!(Aes128::new(&array(key)).header_mask(&array(sample)), array(mask));
    }
}

/// RFC 9001 appendix A.3: the server's Initial packet, from the connection id that the client chose.
#[test]
fn the_quic_sample_packet_of_aes_is_made_and_read() {
    let suite: &'static _ = Box::leak(Box::new(tls13_suite(TLS13_AES_128_GCM_SHA256.tls13().unwrap())));
    let suite = Suite { suite, quic: suite.quic.unwrap() };
    let server = suite.keys(&hex("8394c8f03e515708"), Side::Server, Version::V1).local;
    let client = suite.keys(&hex("8394c8f03e515708"), Side::Client, Version::V1).remote;

    let header = hex("c1 00000001 00 08f067a5502a4262b5 00 4075 0001");
    let plain = hex("
        02000000000600405a020000560303ee fce7f7b37ba1d1632e96677825ddf739 88cfc79825df566dc5430b9a045a1200
        130100002e00330024001d00209d3c94 0d89690b84d08a60993c144eca684d10 81287c834d5311bcf32bb9da1a002b00
        020304");
    let packet = hex("
        cf000000010008f067a5502a4262b500 4075c0d95a482cd0991cd25b0aac406a 5816b6394100f37a1c69797554780bb3
        8cc5a99f5ede4cf73c3ec2493a1839b3 dbcba3f6ea46c5b7684df3548e7ddeb9 c3bf9c73cc3f3bded74b562bfb19fb84
        022f8ef4cdd93795d77d06edbb7aaf2f 58891850abbdca3d20398c276456cbc4 2158407dd074ee");

    let mut payload = plain.clone();
    let tag = server.packet.encrypt_in_place(1, &header, &mut payload).unwrap();
    let mut made = [header.as_slice(), &payload, tag.as_ref()].concat();
    let sample: Vec<u8> = made[22..38].to_vec();
    let (first, rest) = made.split_first_mut().unwrap();
    server.header.encrypt_in_place(&sample, first, &mut rest[17..19]).unwrap();
    assert_eq!(made, packet);

    let (first, rest) = made.split_first_mut().unwrap();
    client.header.decrypt_in_place(&sample, first, &mut rest[17..19]).unwrap();
    let (read, body) = made.split_at_mut(20);
    assert_eq!(read, header);
    assert_eq!(client.packet.decrypt_in_place(1, read, body).unwrap(), plain);
}

/// RFC 9001 appendix A.4: a Retry packet's tag is that of nothing, with the packet as the header.
#[test]
fn the_integrity_tag_of_the_retry_sample_is_made() {
    let cipher = Aes128Gcm::new(&array("be0c690b9f66575a1d766b54e368c84e"));
    let nonce = array("461599d35d632bf2239825bb");
    let packet = hex("08 8394c8f03e515708 ff 00000001 00 08f067a5502a4262b5 746f6b656e");
    sealed_and_opened(&cipher, &nonce, &packet, &[], &[], &array("04a265ba2eff4d829058fb3f0f2496ba"));
}
