//! The AEADs of QUIC packets, fast in WebAssembly's 128-bit lanes: ChaCha20-Poly1305 (RFC 8439) and AES-GCM (NIST SP
//! 800-38D) with keys of 128 and 256 bits.
//!
//! ```
//! use moqingbird_aead::{Aead, ChaCha20Poly1305};
//!
//! let cipher = ChaCha20Poly1305::new(&[7; 32]);
//! let mut bytes = *b"in place, without allocation";
//! let tag = cipher.seal(&[0; 12], b"header", &mut bytes);
//! assert!(cipher.open(&[0; 12], b"header", &mut bytes, &tag));
//! assert_eq!(&bytes, b"in place, without allocation");
//! ```
//!
//! ChaCha20 takes four blocks at a time, and the Poly1305 of finished bytes is woven between the rounds, so that vector and
//! scalar units work at the same time. AES has no instructions of its own in WebAssembly: it takes eight blocks, or twice
//! eight, as planes of bits (`sliced.rs`), where the substitution is a circuit of ANDs and XORs (`sbox.rs`). GHASH, and AES
//! of one block, look up by swizzling (`ghash.rs`, `aes.rs`).
//!
//! Constant time by construction: no branch and no address depends on a key, a nonce, a byte of the message or a tag; only
//! lengths decide what runs. A swizzle takes its table and its indices from registers, and the table whole. Tags are compared
//! without early exit. That rests on additions, shifts, ANDs, XORs, swizzles and 64-bit multiplications taking the same time
//! for all operands, which holds on the processors Node runs on; a WebAssembly compiler could in theory undo it, and none is
//! known to.
//!
//! The only unsafe code loads and stores a vector through a reference to sixteen bytes (`lanes.rs`, `octets.rs`).
//!
//! Outside wasm32 with simd128 the same code runs on arrays of four words and of sixteen bytes. Knows nothing of packets but
//! the QUIC keys of `quic.rs`, which need the feature `rustls`.

mod aead;
mod aes;
mod aes_gcm;
mod chacha;
mod chacha20_poly1305;
mod ghash;
mod lanes;
mod octets;
mod poly1305;
#[cfg(feature = "rustls")]
mod quic;
mod sbox;
mod sliced;

pub use aead::{Aead, HeaderMask, NONCE_BYTES, SAMPLE_BYTES, TAG_BYTES};
pub use aes::{Aes, Aes128, Aes256};
pub use aes_gcm::{Aes128Gcm, Aes256Gcm, AesGcm};
pub use chacha20_poly1305::ChaCha20Poly1305;
#[cfg(feature = "rustls")]
pub use quic::{AES_128_GCM, AES_256_GCM, CHACHA20_POLY1305, tls13_suite};
