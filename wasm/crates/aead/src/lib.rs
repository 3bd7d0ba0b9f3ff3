//! ChaCha20-Poly1305 (RFC 8439) for QUIC packets, fast in WebAssembly: four ChaCha20 blocks at a time in 128-bit lanes,
//! and the Poly1305 of finished bytes woven between the rounds, so that vector and scalar units work at the same time.
//!
//! ```
//! use moqingbird_aead::ChaCha20Poly1305;
//!
//! let cipher = ChaCha20Poly1305::new(&[7; 32]);
//! let mut bytes = *b"in place, without allocation";
//! let tag = cipher.seal(&[0; 12], b"header", &mut bytes);
//! assert!(cipher.open(&[0; 12], b"header", &mut bytes, &tag));
//! assert_eq!(&bytes, b"in place, without allocation");
//! ```
//!
//! Constant time by construction: no branch and no index depends on a key, a nonce, a byte of the message or a tag; only
//! lengths decide what runs. Tags are compared without early exit. That rests on 32-bit additions, rotations, XORs and
//! 64-bit multiplications taking the same time for all operands, which holds on the processors Node runs on; a
//! WebAssembly compiler could in theory undo it, and none is known to.
//!
//! The only unsafe code loads and stores a vector through a reference to sixteen bytes (`lanes.rs`).
//!
//! Outside wasm32 with simd128 the same code runs on arrays of four words. Knows nothing of packets but the QUIC keys of
//! `quic.rs`, which need the feature `rustls`.

mod chacha;
mod cipher;
mod lanes;
mod poly1305;
#[cfg(feature = "rustls")]
mod quic;

pub use cipher::{ChaCha20Poly1305, KEY_BYTES, MAX_BYTES, NONCE_BYTES, TAG_BYTES};
#[cfg(feature = "rustls")]
pub use quic::{CHACHA20_POLY1305, tls13_suite};
