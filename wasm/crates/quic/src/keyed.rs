//! A hasher with a secret key. std's `RandomState` has predictable keys on wasm32, where it finds no entropy.

use std::hash::BuildHasher;

use rand::{Rng, rngs::StdRng};
use siphasher::sip::SipHasher13;

/// Builds SipHash-1-3 hashers that share one key from the engine's seed.
#[derive(Clone)]
pub(crate) struct Keyed {
    key: [u8; 16],
}

impl Keyed {
    pub(crate) fn from_rng(rng: &mut StdRng) -> Self {
        let mut key = [0; 16];
        rng.fill_bytes(&mut key);
        Self { key }
    }
}

impl BuildHasher for Keyed {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_key(&self.key)
    }
}
