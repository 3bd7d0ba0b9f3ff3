//! A hasher with a secret key. std's `RandomState` has predictable keys on wasm32, where it finds no entropy.

use std::hash::{BuildHasher, Hasher};

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

/// Hashes stream ids, which are small and dense, by a secret factor: which of them share a place cannot be known.
#[derive(Clone)]
pub(crate) struct KeyedIds {
    factor: u64,
}

impl Keyed {
    pub(crate) fn ids(&self) -> KeyedIds {
        let [a, b, c, d, e, f, g, h, ..] = self.key;
        KeyedIds { factor: u64::from_le_bytes([a, b, c, d, e, f, g, h]) | 1 }
    }
}

impl BuildHasher for KeyedIds {
    type Hasher = IdHasher;

    fn build_hasher(&self) -> IdHasher {
        IdHasher { factor: self.factor, hash: 0 }
    }
}

/// Multiplication, with its upper half in the lower bits too.
pub(crate) struct IdHasher {
    factor: u64,
    hash: u64,
}

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(byte.into());
        }
    }

    fn write_u64(&mut self, id: u64) {
        let product = (self.hash ^ id).wrapping_mul(self.factor);
        self.hash = product ^ product >> 32;
    }

    fn finish(&self) -> u64 {
        self.hash
    }
}

impl BuildHasher for Keyed {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_key(&self.key)
    }
}
