//! Suites.

use std::sync::{Arc, OnceLock};

use moqingbird_aead::tls13_suite;
use rustls::{
    SupportedCipherSuite, Tls13CipherSuite,
    crypto::{CryptoProvider, ring as provider},
    quic::Suite,
};

use crate::Error;

/// Who encrypts the packets of a connection that agreed on ChaCha20-Poly1305.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Crypto {
    /// Our implementation in 128-bit lanes.
    #[default]
    Simd,
    /// ring's, compiled from portable C: several times slower in wasm, the same on the wire.
    Ring,
}

/// ring's provider, ChaCha20-Poly1305 first: ring has no AES instructions on wasm and takes 17.6 µs per packet and side
/// for AES-128-GCM instead of 3.1. AES stays for peers that offer nothing else.
pub(super) fn crypto_provider(crypto: Crypto) -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider {
        cipher_suites: vec![
            chacha_suite(crypto),
            provider::cipher_suite::TLS13_AES_128_GCM_SHA256,
            provider::cipher_suite::TLS13_AES_256_GCM_SHA384,
        ],
        ..provider::default_provider()
    })
}

/// Handshake, hash and key schedule are ring's in either case.
fn chacha_suite(crypto: Crypto) -> SupportedCipherSuite {
    static SIMD: OnceLock<Tls13CipherSuite> = OnceLock::new();
    let ring = provider::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256;
    match (crypto, ring.tls13()) {
        (Crypto::Simd, Some(of)) => SupportedCipherSuite::Tls13(SIMD.get_or_init(|| tls13_suite(of))),
        _ => ring,
    }
}

/// Initial packets are AES-128-GCM whatever the connection uses (RFC 9001 section 5.2).
pub(super) fn initial_suite() -> Result<Suite, Error> {
    provider::cipher_suite::TLS13_AES_128_GCM_SHA256
        .tls13()
        .and_then(|suite| suite.quic_suite())
        .ok_or_else(|| Error::OptionInvalid("the crypto provider has no QUIC initial suite".into()))
}
