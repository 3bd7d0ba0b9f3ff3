//! Connection ids from the engine's seed: eight bytes, five random and three that prove they are ours.

use std::sync::{Arc, Mutex, PoisonError};

use quinn_proto::{ConnectionId, ConnectionIdGenerator, InvalidCid};
use rand::{Rng, rngs::StdRng};
use siphasher::sip::SipHasher13;
use web_time::Duration;

const NONCE_BYTES: usize = 5;
const CID_BYTES: usize = 8;

/// Makes ids and recognises its own, so that packets with made-up ids are dropped before any table is searched.
pub(crate) struct CheckedCids {
    rng: Arc<Mutex<StdRng>>,
    key: [u8; 16],
}

impl CheckedCids {
    pub(crate) fn new(rng: Arc<Mutex<StdRng>>, key: [u8; 16]) -> Self {
        Self { rng, key }
    }

    fn check(&self, nonce: &[u8]) -> [u8; CID_BYTES - NONCE_BYTES] {
        let [a, b, c, ..] = SipHasher13::new_with_key(&self.key).hash(nonce).to_le_bytes();
        [a, b, c]
    }
}

impl ConnectionIdGenerator for CheckedCids {
    fn generate_cid(&mut self) -> ConnectionId {
        let mut cid = [0; CID_BYTES];
        random(&self.rng, &mut cid[..NONCE_BYTES]);
        let check = self.check(&cid[..NONCE_BYTES]);
        cid[NONCE_BYTES..].copy_from_slice(&check);
        ConnectionId::new(&cid)
    }

    fn validate(&self, cid: &ConnectionId) -> Result<(), InvalidCid> {
        match cid.split_at_checked(NONCE_BYTES) {
            Some((nonce, check)) if check == self.check(nonce) => Ok(()),
            _ => Err(InvalidCid),
        }
    }

    fn cid_len(&self) -> usize {
        CID_BYTES
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

/// Fills `target` from the shared generator.
pub(crate) fn random(rng: &Mutex<StdRng>, target: &mut [u8]) {
    rng.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(target);
}
