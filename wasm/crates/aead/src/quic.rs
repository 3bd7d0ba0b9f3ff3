//! The cipher as QUIC's packet and header protection (RFC 9001 sections 5.3 and 5.4) for rustls.

use rustls::{
    Error, Tls13CipherSuite,
    crypto::cipher::{AeadKey, Iv, Nonce},
    quic::{Algorithm, HeaderProtectionKey, PacketKey, Tag},
};

use crate::cipher::{ChaCha20Poly1305, MAX_BYTES, TAG_BYTES};

/// Packets that may fail to open with one key (RFC 9001 section 6.6).
const INTEGRITY_LIMIT: u64 = 1 << 36;
/// Packets that may be sealed with one key: more than there are packet numbers (RFC 9001 section 6.6).
const CONFIDENTIALITY_LIMIT: u64 = u64::MAX;

/// The QUIC part of TLS_CHACHA20_POLY1305_SHA256.
pub static CHACHA20_POLY1305: &dyn Algorithm = &ChaCha;

/// A provider's TLS_CHACHA20_POLY1305_SHA256 with our QUIC part: hash, key schedule and records stay the provider's.
#[must_use]
pub const fn tls13_suite(of: &'static Tls13CipherSuite) -> Tls13CipherSuite {
    Tls13CipherSuite {
        common: rustls::CipherSuiteCommon {
            suite: of.common.suite,
            hash_provider: of.common.hash_provider,
            confidentiality_limit: of.common.confidentiality_limit,
        },
        hkdf_provider: of.hkdf_provider,
        aead_alg: of.aead_alg,
        quic: Some(CHACHA20_POLY1305),
    }
}

struct ChaCha;

impl Algorithm for ChaCha {
    fn packet_key(&self, key: AeadKey, iv: Iv) -> Box<dyn PacketKey> {
        Box::new(Packets { cipher: cipher(&key), iv })
    }

    fn header_protection_key(&self, key: AeadKey) -> Box<dyn HeaderProtectionKey> {
        Box::new(Headers { cipher: cipher(&key) })
    }

    fn aead_key_len(&self) -> usize {
        crate::cipher::KEY_BYTES
    }
}

/// rustls derives keys of `aead_key_len` bytes.
fn cipher(key: &AeadKey) -> ChaCha20Poly1305 {
    ChaCha20Poly1305::new(key.as_ref().try_into().expect("a key of aead_key_len bytes"))
}

struct Packets {
    cipher: ChaCha20Poly1305,
    iv: Iv,
}

impl Packets {
    fn seal(&self, nonce: &Nonce, header: &[u8], payload: &mut [u8]) -> Result<Tag, Error> {
        if payload.len() as u64 > MAX_BYTES {
            return Err(Error::EncryptError);
        }
        Ok(Tag::from(self.cipher.seal(&nonce.0, header, payload).as_slice()))
    }

    fn open<'a>(&self, nonce: &Nonce, header: &[u8], payload: &'a mut [u8]) -> Result<&'a [u8], Error> {
        let (sealed, tag) = payload.split_last_chunk_mut::<TAG_BYTES>().ok_or(Error::DecryptError)?;
        if sealed.len() as u64 <= MAX_BYTES && self.cipher.open(&nonce.0, header, sealed, tag) {
            Ok(sealed)
        } else {
            Err(Error::DecryptError)
        }
    }
}

impl PacketKey for Packets {
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
        CONFIDENTIALITY_LIMIT
    }

    fn integrity_limit(&self) -> u64 {
        INTEGRITY_LIMIT
    }
}

/// Bytes of a header protection sample.
const SAMPLE_BYTES: usize = 16;

struct Headers {
    cipher: ChaCha20Poly1305,
}

impl Headers {
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

impl HeaderProtectionKey for Headers {
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
