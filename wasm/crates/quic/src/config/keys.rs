//! The keys by which one engine goes on where another ended, and what they are made into.

use std::sync::{Arc, Mutex};

use quinn_proto::crypto::{HandshakeTokenKey, HmacKey};
use rand::{Rng, rngs::StdRng};
use ring::{hkdf, hmac};

use super::tickets::TicketKey;
use crate::{Error, cids::CidKey, clock::WallClock};

const KEY_BYTES: usize = 32;

/// Keys of the host. Engines that share them, one after the other or side by side, answer for each other's connections
/// with stateless resets, take each other's tokens and resume each other's sessions. Whoever has them can end
/// connections, pretend to addresses and open tickets: they are secret.
#[derive(Clone)]
pub struct Keys {
    /// Of stateless resets (RFC 9000 section 10.3.2), and of what marks connection ids as ours.
    pub stateless_reset: [u8; KEY_BYTES],
    /// Of Retry and NEW_TOKEN tokens (RFC 9000 section 8.1).
    pub token: [u8; KEY_BYTES],
    /// Of session tickets (RFC 8446 section 4.6.1).
    pub ticket: [u8; KEY_BYTES],
}

impl Keys {
    /// From the host: three times 32 bytes, in the order of the fields.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let wrong = || Error::OptionInvalid(format!("the keys have {} bytes, not {}", bytes.len(), 3 * KEY_BYTES));
        let (keys, []) = bytes.as_chunks() else { return Err(wrong()) };
        let &[stateless_reset, token, ticket] = keys else { return Err(wrong()) };
        Ok(Self { stateless_reset, token, ticket })
    }

    pub(crate) fn from_rng(rng: &mut StdRng) -> Self {
        let mut keys = Self { stateless_reset: [0; 32], token: [0; 32], ticket: [0; 32] };
        for key in [&mut keys.stateless_reset, &mut keys.token, &mut keys.ticket] {
            rng.fill_bytes(key);
        }
        keys
    }
}

/// The keys at work.
pub(crate) struct Secrets {
    pub(crate) reset: Arc<dyn HmacKey>,
    pub(crate) token: Arc<dyn HandshakeTokenKey>,
    pub(crate) ticket: Arc<TicketKey>,
    /// What proves that a connection id is ours: without it a successor would take its predecessor's for noise.
    pub(crate) cid: CidKey,
}

impl Secrets {
    pub(crate) fn new(keys: &Keys, rng: Arc<Mutex<StdRng>>, wall: Arc<WallClock>) -> Self {
        let mut cid = [0; 16];
        let mark = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &keys.stateless_reset), b"moqingbird connection id");
        cid.copy_from_slice(&mark.as_ref()[..16]);
        let extract = |key: &[u8]| hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(key);
        let reset =
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &keys.stateless_reset), b"moqingbird stateless reset");
        Self {
            reset: Arc::new(hmac::Key::new(hmac::HMAC_SHA256, reset.as_ref())),
            token: Arc::new(extract(&keys.token)),
            ticket: Arc::new(TicketKey::new(extract(&keys.ticket), rng, wall)),
            cid: CidKey(cid),
        }
    }
}
