//! Our ciphers against ring's: equal when sealing, equally severe when opening.
#![no_main]

use libfuzzer_sys::fuzz_target;
use moqingbird_aead::{Aead, Aes128Gcm, Aes256Gcm, ChaCha20Poly1305};
use moqingbird_fuzz::Input;
use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

fn array<const N: usize>(input: &mut Input<'_>) -> [u8; N] {
    let mut bytes = [0; N];
    let given = input.bytes(N);
    bytes[..given.len()].copy_from_slice(given);
    bytes
}

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input(bytes);
    let which = input.byte() % 3;
    let (key, nonce): ([u8; 32], [u8; 12]) = (array(&mut input), array(&mut input));
    let (at, bit) = (input.number() as usize, input.byte() & 7);
    let aad = input.counted(64);
    let plain = input.0;

    let (ours, algorithm): (Box<dyn Aead>, _) = match which {
        0 => (Box::new(ChaCha20Poly1305::new(&key)), &CHACHA20_POLY1305),
        1 => (Box::new(Aes128Gcm::new(key.first_chunk().expect("32 bytes"))), &AES_128_GCM),
        _ => (Box::new(Aes256Gcm::new(&key)), &AES_256_GCM),
    };
    let theirs =
        LessSafeKey::new(UnboundKey::new(algorithm, &key[..algorithm.key_len()]).expect("a key of this length"));
    let unique = || Nonce::assume_unique_for_key(nonce);

    let (mut sealed, mut expected) = (plain.to_vec(), plain.to_vec());
    let tag = ours.seal(&nonce, aad, &mut sealed);
    let other = theirs.seal_in_place_separate_tag(unique(), Aad::from(aad), &mut expected).expect("short enough");
    assert_eq!(sealed, expected);
    assert_eq!(tag, other.as_ref());

    let mut opened = sealed.clone();
    assert!(ours.open(&nonce, aad, &mut opened, &tag));
    assert_eq!(opened, plain);

    // One bit of message or tag flips: both refuse.
    let mut forged = [&sealed[..], &tag].concat();
    let at = at % forged.len();
    forged[at] ^= 1 << bit;
    assert!(theirs.open_in_place(unique(), Aad::from(aad), &mut forged.clone()).is_err());
    let (message, tag) = forged.split_at_mut(sealed.len());
    assert!(!ours.open(&nonce, aad, message, (&*tag).try_into().expect("16 bytes")));
});
