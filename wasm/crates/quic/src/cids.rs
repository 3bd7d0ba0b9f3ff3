//! Connection ids from the engine's seed: eight bytes, five random and three that prove they are ours. Which shard of its
//! endpoint a connection lives in is hidden in the same proof: an observer learns nothing from two ids of one connection.

use std::sync::{Arc, Mutex, PoisonError};

use quinn_proto::{ConnectionId, ConnectionIdGenerator, InvalidCid};
use rand::{Rng, rngs::StdRng};
use siphasher::sip::SipHasher13;
use web_time::Duration;

const NONCE_BYTES: usize = 5;
pub(crate) const CID_BYTES: usize = 8;

/// The key that marks ids as ours.
#[derive(Clone, Copy)]
pub(crate) struct CidKey(pub(crate) [u8; 16]);

impl CidKey {
    fn hash(&self, nonce: &[u8]) -> [u8; 8] {
        SipHasher13::new_with_key(&self.0).hash(nonce).to_le_bytes()
    }

    /// What an id of ours says about its shard, 0 to 255; `None` when it is not ours.
    pub(crate) fn shard(&self, cid: &[u8]) -> Option<u8> {
        let (nonce, check) = cid.split_at_checked(NONCE_BYTES)?;
        let [a, b, c, shard, ..] = self.hash(nonce);
        (check == [a, b, c]).then_some(shard)
    }
}

/// Makes ids of one shard and recognises all of ours, so that packets with made-up ids are dropped unanswered.
pub(crate) struct CheckedCids {
    rng: Arc<Mutex<StdRng>>,
    key: CidKey,
    shard: u8,
    /// One less than the number of shards, a power of two.
    mask: u8,
}

impl CheckedCids {
    pub(crate) fn new(rng: Arc<Mutex<StdRng>>, key: CidKey, shard: u8, mask: u8) -> Self {
        Self { rng, key, shard, mask }
    }
}

impl ConnectionIdGenerator for CheckedCids {
    fn generate_cid(&mut self) -> ConnectionId {
        loop {
            let mut cid = [0; CID_BYTES];
            random(&self.rng, &mut cid[..NONCE_BYTES]);
            let [a, b, c, shard, ..] = self.key.hash(&cid[..NONCE_BYTES]);
            if shard & self.mask == self.shard {
                cid[NONCE_BYTES..].copy_from_slice(&[a, b, c]);
                return ConnectionId::new(&cid);
            }
        }
    }

    fn validate(&self, cid: &ConnectionId) -> Result<(), InvalidCid> {
        self.key.shard(cid).map(|_| ()).ok_or(InvalidCid)
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
