//! The ciphers as QUIC's packet and header protection (RFC 9001 sections 5.3 and 5.4) for rustls.

use rustls::{
    CipherSuite, Error, Tls13CipherSuite,
    crypto::cipher::{AeadKey, Iv, Nonce},
    quic::{Algorithm, HeaderProtectionKey, PacketKey, Tag},
};

use crate::{
    aead::{Aead, HeaderMask, SAMPLE_BYTES, TAG_BYTES},
    aes::{Aes128, Aes256},
    aes_gcm::{Aes128Gcm, Aes256Gcm},
    chacha20_poly1305::ChaCha20Poly1305,
};

/// The QUIC part of TLS_CHACHA20_POLY1305_SHA256.
pub static CHACHA20_POLY1305: &dyn Algorithm = &Suite {
    key_bytes: ChaCha20Poly1305::KEY_BYTES,
    packets: |key| ChaCha20Poly1305::new(sized(key)),
    headers: |key| ChaCha20Poly1305::new(sized(key)),
    limits: &Limits { message_bytes: ChaCha20Poly1305::MAX_BYTES, sealed: u64::MAX, refused: 1 << 36 },
};

/// The QUIC part of TLS_AES_128_GCM_SHA256.
pub static AES_128_GCM: &dyn Algorithm = &Suite {
    key_bytes: Aes128Gcm::KEY_BYTES,
    packets: |key| Aes128Gcm::new(sized(key)),
    headers: |key| Aes128::new(sized(key)),
    limits: &Limits { message_bytes: Aes128Gcm::MAX_BYTES, sealed: 1 << 23, refused: 1 << 52 },
};

/// The QUIC part of TLS_AES_256_GCM_SHA384.
pub static AES_256_GCM: &dyn Algorithm = &Suite {
    key_bytes: Aes256Gcm::KEY_BYTES,
    packets: |key| Aes256Gcm::new(sized(key)),
    headers: |key| Aes256::new(sized(key)),
    limits: &Limits { message_bytes: Aes256Gcm::MAX_BYTES, sealed: 1 << 23, refused: 1 << 52 },
};

/// A provider's suite with our QUIC part: hash, key schedule and records stay the provider's. One that we have no cipher
/// for stays as it is.
#[must_use]
pub fn tls13_suite(of: &'static Tls13CipherSuite) -> Tls13CipherSuite {
    Tls13CipherSuite {
        common: rustls::CipherSuiteCommon {
            suite: of.common.suite,
            hash_provider: of.common.hash_provider,
            confidentiality_limit: of.common.confidentiality_limit,
        },
        hkdf_provider: of.hkdf_provider,
        aead_alg: of.aead_alg,
        quic: match of.common.suite {
            CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => Some(CHACHA20_POLY1305),
            CipherSuite::TLS13_AES_128_GCM_SHA256 => Some(AES_128_GCM),
            CipherSuite::TLS13_AES_256_GCM_SHA384 => Some(AES_256_GCM),
            _ => of.quic,
        },
    }
}

/// How often a key may be used (RFC 9001 section 6.6), and for what.
struct Limits {
    message_bytes: u64,
    /// Packets sealed. ChaCha20-Poly1305's limit is beyond the packet numbers there are.
    sealed: u64,
    /// Packets that failed to open.
    refused: u64,
}

struct Suite<P, H> {
    key_bytes: usize,
    packets: fn(&[u8]) -> P,
    headers: fn(&[u8]) -> H,
    limits: &'static Limits,
}

impl<P: Aead + 'static, H: HeaderMask + 'static> Algorithm for Suite<P, H> {
    fn packet_key(&self, key: AeadKey, iv: Iv) -> Box<dyn PacketKey> {
        Box::new(Packets { cipher: (self.packets)(key.as_ref()), iv, limits: self.limits })
    }

    fn header_protection_key(&self, key: AeadKey) -> Box<dyn HeaderProtectionKey> {
        Box::new(Headers { cipher: (self.headers)(key.as_ref()) })
    }

    fn aead_key_len(&self) -> usize {
        self.key_bytes
    }
}

/// rustls derives keys of `aead_key_len` bytes.
fn sized<const N: usize>(key: &[u8]) -> &[u8; N] {
    key.try_into().expect("a key of aead_key_len bytes")
}

struct Packets<P> {
    cipher: P,
    iv: Iv,
    limits: &'static Limits,
}

impl<P: Aead> Packets<P> {
    fn seal(&self, nonce: &Nonce, header: &[u8], payload: &mut [u8]) -> Result<Tag, Error> {
        if payload.len() as u64 > self.limits.message_bytes {
            return Err(Error::EncryptError);
        }
        Ok(Tag::from(self.cipher.seal(&nonce.0, header, payload).as_slice()))
    }

    fn open<'a>(&self, nonce: &Nonce, header: &[u8], payload: &'a mut [u8]) -> Result<&'a [u8], Error> {
        let (sealed, tag) = payload.split_last_chunk_mut::<TAG_BYTES>().ok_or(Error::DecryptError)?;
        if sealed.len() as u64 <= self.limits.message_bytes && self.cipher.open(&nonce.0, header, sealed, tag) {
            Ok(sealed)
        } else {
            Err(Error::DecryptError)
        }
    }
}

impl<P: Aead> PacketKey for Packets<P> {
    fn encrypt_in_place(&self, number: u64, header: &[u8], payload: &mut [u8]) -> Result<Tag, Error> {
        self.seal(&Nonce::new(&self.iv, number), header, payload)
    }

    fn encrypt_in_place_for_path(
        &self,
        path: u32,
        number: u64,
        header: &[u8],
        payload: &mut [u8],
    ) -> Result<Tag, Error> {
        self.seal(&Nonce::for_path(path, &self.iv, number), header, payload)
    }

    fn decrypt_in_place<'a>(&self, number: u64, header: &[u8], payload: &'a mut [u8]) -> Result<&'a [u8], Error> {
        self.open(&Nonce::new(&self.iv, number), header, payload)
    }

    fn decrypt_in_place_for_path<'a>(
        &self,
        path: u32,
        number: u64,
        header: &[u8],
        payload: &'a mut [u8],
    ) -> Result<&'a [u8], Error> {
        self.open(&Nonce::for_path(path, &self.iv, number), header, payload)
    }

    fn tag_len(&self) -> usize {
        TAG_BYTES
    }

    fn confidentiality_limit(&self) -> u64 {
        self.limits.sealed
    }

    fn integrity_limit(&self) -> u64 {
        self.limits.refused
    }
}

struct Headers<H> {
    cipher: H,
}

impl<H: HeaderMask> Headers<H> {
    /// RFC 9001 section 5.4.1. The number's length stands in the first byte, in clear: before masking, after unmasking.
    fn apply(&self, sample: &[u8], first: &mut u8, number: &mut [u8], masked: bool) -> Result<(), Error> {
        let sample: &[u8; SAMPLE_BYTES] =
            sample.try_into().map_err(|_| Error::General("a header protection sample has 16 bytes".into()))?;
        let [first_mask, number_mask @ ..] = self.cipher.header_mask(sample);
        if number.len() > number_mask.len() {
            return Err(Error::General("a packet number has at most 4 bytes".into()));
        }
        // The form bit is never protected.
        let protected = first_mask & if *first & 0x80 == 0x80 { 0x0f } else { 0x1f };
        let clear = if masked { *first ^ protected } else { *first };
        let length = usize::from(clear & 0x03) + 1;
        *first ^= protected;
        for (byte, mask) in number.iter_mut().zip(number_mask).take(length) {
            *byte ^= mask;
        }
        Ok(())
    }
}

impl<H: HeaderMask> HeaderProtectionKey for Headers<H> {
    fn encrypt_in_place(&self, sample: &[u8], first: &mut u8, number: &mut [u8]) -> Result<(), Error> {
        self.apply(sample, first, number, false)
    }

    fn decrypt_in_place(&self, sample: &[u8], first: &mut u8, number: &mut [u8]) -> Result<(), Error> {
        self.apply(sample, first, number, true)
    }

    fn sample_len(&self) -> usize {
        SAMPLE_BYTES
    }
}
