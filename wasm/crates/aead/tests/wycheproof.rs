//! Project Wycheproof's vectors: edge cases of Poly1305's carries and key, of GHASH and counters, of tags and ciphertexts, and
//! forgeries.

use moqingbird_aead::{Aead, Aes128Gcm, Aes256Gcm, ChaCha20Poly1305};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;
use wycheproof::{
    TestResult,
    aead::{TestName, TestSet},
};

/// Bits of the only nonce (RFC 5116 section 5, RFC 8439 section 2.8) and tag there are here: others have no way in.
const NONCE_BITS: usize = 96;
const TAG_BITS: usize = 128;

/// How many of the set's vectors, for keys that `cipher` takes, seal and open as they say; and how many are refused as they
/// say.
fn checked(set: TestName, cipher: fn(&[u8]) -> Option<Box<dyn Aead>>) -> (usize, usize) {
    let set = TestSet::load(set).unwrap();
    let (mut valid, mut forged) = (0, 0);
    let groups = set.test_groups.iter().filter(|group| group.nonce_size == NONCE_BITS && group.tag_size == TAG_BITS);
    for case in groups.flat_map(|group| &group.tests) {
        let Some(cipher) = cipher(&case.key) else { continue };
        let told = format!("case {}: {} {:?}", case.tc_id, case.comment, case.flags);
        let nonce: &[u8; 12] = case.nonce.as_ref().try_into().unwrap();
        let tag: &[u8; 16] = case.tag.as_ref().try_into().unwrap();
        let mut bytes = case.pt.to_vec();
        let sealed = cipher.seal(nonce, &case.aad, &mut bytes);
        let same = bytes == case.ct[..] && &sealed == tag;
        let mut opened = case.ct.to_vec();
        let opens = cipher.open(nonce, &case.aad, &mut opened, tag);
        if case.result == TestResult::Valid {
            valid += 1;
            assert!(same, "{told}");
            assert!(opens, "{told}");
            assert!(opened == case.pt[..], "{told}");
        } else {
            forged += 1;
            assert!(!same, "{told}");
            assert!(!opens, "{told}");
        }
    }
    (valid, forged)
}

#[test]
fn chacha20_poly1305_seals_and_opens_what_wycheproof_calls_valid_and_nothing_else_opens() {
    let counts = checked(TestName::ChaCha20Poly1305, |key| Some(Box::new(ChaCha20Poly1305::new(key.try_into().ok()?))));
    assert_eq!(counts, (256, 60));
}

#[test]
fn aes_128_gcm_seals_and_opens_what_wycheproof_calls_valid_and_nothing_else_opens() {
    let counts = checked(TestName::AesGcm, |key| Some(Box::new(Aes128Gcm::new(key.try_into().ok()?))));
    assert_eq!(counts, (40, 27));
}

#[test]
fn aes_256_gcm_seals_and_opens_what_wycheproof_calls_valid_and_nothing_else_opens() {
    let counts = checked(TestName::AesGcm, |key| Some(Box::new(Aes256Gcm::new(key.try_into().ok()?))));
    assert_eq!(counts, (39, 27));
}
