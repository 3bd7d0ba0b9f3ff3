//! Suites.

use std::sync::{Arc, LazyLock};

use moqingbird_aead::tls13_suite;
use rustls::{
    SupportedCipherSuite, Tls13CipherSuite,
    crypto::{CryptoProvider, ring as provider},
    quic::Suite,
};

use crate::Error;

/// Who encrypts the packets of a connection, from its handshake on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Crypto {
    /// Our implementations in 128-bit lanes.
    #[default]
    Simd,
    /// ring's, compiled from portable C: several times slower in wasm, the same on the wire.
    Ring,
}

/// ChaCha20-Poly1305 first: without AES instructions, which wasm has not, it takes a third of the time of AES-128-GCM with our
/// implementation and a tenth with ring's. AES is for peers that offer nothing else.
static RINGS: [SupportedCipherSuite; 3] = [
    provider::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
    provider::cipher_suite::TLS13_AES_128_GCM_SHA256,
    provider::cipher_suite::TLS13_AES_256_GCM_SHA384,
];

/// The same suites with our packet encryption.
static OURS: LazyLock<[Option<Tls13CipherSuite>; 3]> =
    LazyLock::new(|| RINGS.map(|suite| suite.tls13().map(tls13_suite)));

/// ring's provider with these suites. Handshake, hash and key schedule are ring's in either case.
pub(super) fn crypto_provider(crypto: Crypto) -> Arc<CryptoProvider> {
    let cipher_suites = match crypto {
        Crypto::Simd => OURS.iter().flatten().map(SupportedCipherSuite::Tls13).collect(),
        Crypto::Ring => RINGS.to_vec(),
    };
    Arc::new(CryptoProvider { cipher_suites, ..provider::default_provider() })
}

/// Initial packets are AES-128-GCM whatever the connection uses (RFC 9001 section 5.2).
pub(super) fn initial_suite() -> Result<Suite, Error> {
    provider::cipher_suite::TLS13_AES_128_GCM_SHA256
        .tls13()
        .and_then(|suite| suite.quic_suite())
        .ok_or_else(|| Error::OptionInvalid("the crypto provider has no QUIC initial suite".into()))
}

#[cfg(test)]
mod tests {
    use rustls::quic::Algorithm;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    fn algorithms(crypto: Crypto) -> Vec<*const ()> {
        let suites = &crypto_provider(crypto).cipher_suites;
        suites.iter().map(|suite| address(suite.tls13().unwrap().quic.unwrap())).collect()
    }

    fn address(algorithm: &'static dyn Algorithm) -> *const () {
        std::ptr::from_ref(algorithm).cast()
    }

    #[test]
    fn packets_of_every_suite_are_ours_unless_ring_is_asked_for() {
        use moqingbird_aead::{AES_128_GCM, AES_256_GCM, CHACHA20_POLY1305};
        assert_eq!(algorithms(Crypto::Simd), [CHACHA20_POLY1305, AES_128_GCM, AES_256_GCM].map(address));
        assert_eq!(algorithms(Crypto::Ring), RINGS.map(|suite| address(suite.tls13().unwrap().quic.unwrap())));
    }

    #[test]
    fn chacha20_poly1305_comes_before_aes_whoever_encrypts() {
        for crypto in [Crypto::Simd, Crypto::Ring] {
            let suites = &crypto_provider(crypto).cipher_suites;
            assert_eq!(
                suites.iter().map(SupportedCipherSuite::suite).collect::<Vec<_>>(),
                RINGS.each_ref().map(SupportedCipherSuite::suite)
            );
            assert_eq!(suites[0].suite(), rustls::CipherSuite::TLS13_CHACHA20_POLY1305_SHA256);
        }
    }
}
