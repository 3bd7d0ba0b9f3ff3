//! Configurations: what connections are made of. Set up rarely, shared by reference count, so that a certificate can be
//! exchanged while connections with the old one live on.

mod client;
mod crypto;
mod keys;
mod names;
mod pem;
mod server;
mod tickets;
mod transport;

pub use client::{ClientOptions, Trust};
pub use crypto::Crypto;
pub use keys::Keys;
pub(crate) use keys::Secrets;
pub use server::{NamedCertificate, ServerOptions};
pub(crate) use transport::STREAMS_OF_AN_IDLE_PEER;
pub use transport::{Congestion, TransportSettings};

use std::sync::Arc;

use crate::Error;

/// A finished configuration.
pub(crate) enum Config {
    Server { quic: Arc<quinn_proto::ServerConfig>, settings: Arc<TransportSettings> },
    Client { quic: quinn_proto::ClientConfig, settings: Arc<TransportSettings> },
}

/// RFC 7301 protocol name list: each name behind its length byte.
fn protocols(list: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
    let mut names = Vec::new();
    let mut rest = list;
    while let Some((&length, tail)) = rest.split_first() {
        match tail.split_at_checked(length.into()) {
            Some((name, tail)) if length > 0 => {
                names.push(name.to_vec());
                rest = tail;
            }
            _ => return Err(Error::OptionInvalid("the ALPN list is cut short".into())),
        }
    }
    if names.is_empty() {
        return Err(Error::OptionInvalid("the ALPN list is empty".into()));
    }
    Ok(names)
}
