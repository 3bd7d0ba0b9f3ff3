//! Calls the engine refuses. The status numbers are part of the ABI.

use std::fmt;

/// Why a call was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The handle names nothing (any more).
    StaleHandle,
    /// The certificate chain, or a root, cannot be read.
    CertificateInvalid(String),
    /// The private key cannot be read.
    KeyInvalid(String),
    /// The key is not the certificate's.
    KeyMismatch,
    /// A number or list is out of range.
    OptionInvalid(String),
    /// A table is full.
    LimitReached(&'static str),
    /// The peer's address cannot be connected to.
    AddressInvalid,
    /// Neither a DNS name nor an address.
    ServerNameInvalid(String),
}

impl Error {
    /// The number that crosses the ABI.
    pub fn status(&self) -> i32 {
        match self {
            Self::StaleHandle => -1,
            Self::CertificateInvalid(_) => -2,
            Self::KeyInvalid(_) => -3,
            Self::KeyMismatch => -4,
            Self::OptionInvalid(_) => -5,
            Self::LimitReached(_) => -6,
            Self::AddressInvalid => -7,
            Self::ServerNameInvalid(_) => -8,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StaleHandle => f.write_str("The handle names something that is already gone."),
            Self::CertificateInvalid(why) => write!(f, "The certificate cannot be used: {why}."),
            Self::KeyInvalid(why) => write!(f, "The private key cannot be used: {why}."),
            Self::KeyMismatch => f.write_str("The private key does not belong to the certificate."),
            Self::OptionInvalid(why) => write!(f, "{why}."),
            Self::LimitReached(what) => write!(f, "No further {what}: the engine's table is full."),
            Self::AddressInvalid => f.write_str("The address or port cannot be a peer's."),
            Self::ServerNameInvalid(name) => {
                write!(f, "\"{name}\" is neither a DNS name nor an IP address.")
            }
        }
    }
}

impl std::error::Error for Error {}
