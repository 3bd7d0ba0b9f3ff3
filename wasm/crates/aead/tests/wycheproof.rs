//! Project Wycheproof's vectors: edge cases of Poly1305's carries and key, of tags and ciphertexts, and forgeries.

use moqingbird_aead::ChaCha20Poly1305;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;
use wycheproof::{
    TestResult,
    aead::{TestName, TestSet},
};

/// Bits of the only nonce there is here (RFC 8439 section 2.8): one of another size has no way in.
const NONCE_BITS: usize = 96;

#[test]
fn what_wycheproof_calls_valid_seals_and_opens_and_nothing_else_opens() {
    let set = TestSet::load(TestName::ChaCha20Poly1305).unwrap();
    let (mut valid, mut forged) = (0, 0);
    for case in set.test_groups.iter().filter(|group| group.nonce_size == NONCE_BITS).flat_map(|group| &group.tests) {
        let told = format!("case {}: {} {:?}", case.tc_id, case.comment, case.flags);
        let key: &[u8; 32] = case.key.as_ref().try_into().unwrap();
        let nonce: &[u8; 12] = case.nonce.as_ref().try_into().unwrap();
        let tag: &[u8; 16] = case.tag.as_ref().try_into().unwrap();
        let cipher = ChaCha20Poly1305::new(key);
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
    assert_eq!((valid, forged), (256, 60));
}
