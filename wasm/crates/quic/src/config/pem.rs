//! Certificates and keys as PEM or DER.

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

use crate::Error;

/// Bounds the work on a configuration file that is none.
const MAX_CERTIFICATES: usize = 1000;

fn is_pem(bytes: &[u8]) -> bool {
    bytes.windows(11).any(|window| window == b"-----BEGIN ")
}

/// All certificates of a PEM file, or DER ones that follow each other.
pub(super) fn certificates(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let mut found = Vec::new();
    if is_pem(bytes) {
        for certificate in CertificateDer::pem_slice_iter(bytes).take(MAX_CERTIFICATES) {
            found.push(certificate.map_err(|error| Error::CertificateInvalid(error.to_string()))?);
        }
    } else {
        let mut rest = bytes;
        while !rest.is_empty() && found.len() < MAX_CERTIFICATES {
            let (one, tail) = der_sequence(rest)
                .ok_or_else(|| Error::CertificateInvalid("it is neither PEM nor a DER sequence".into()))?;
            found.push(CertificateDer::from(one.to_vec()));
            rest = tail;
        }
    }
    if found.is_empty() {
        return Err(Error::CertificateInvalid("the file holds no certificate".into()));
    }
    Ok(found)
}

/// The first private key of a PEM file, or a DER one.
pub(super) fn private_key(bytes: &[u8]) -> Result<PrivateKeyDer<'static>, Error> {
    if is_pem(bytes) {
        PrivateKeyDer::from_pem_slice(bytes).map_err(|error| Error::KeyInvalid(error.to_string()))
    } else {
        PrivateKeyDer::try_from(bytes.to_vec()).map_err(|why| Error::KeyInvalid(why.into()))
    }
}

/// One DER SEQUENCE and what follows it (X.690 section 8.1).
fn der_sequence(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&tag, &length) = (bytes.first()?, bytes.get(1)?);
    let (header, content) = match length {
        0..=0x7f => (2, usize::from(length)),
        0x81..=0x84 => {
            let count = usize::from(length & 0x7f);
            let content = bytes.get(2..2 + count)?.iter().fold(0u64, |sum, &byte| sum << 8 | u64::from(byte));
            (2 + count, usize::try_from(content).ok()?)
        }
        _ => return None,
    };
    if tag != 0x30 {
        return None;
    }
    bytes.split_at_checked(header.checked_add(content)?)
}
