//! The keyed filter before quinn-proto's tables. A client chooses the destination id of its first packets, and quinn-proto
//! keeps it in a std `HashMap` as long as the connection lives; on wasm std finds no entropy, so that map's keys can be
//! known and ids be crafted that all fall into one place. An endpoint therefore has several quinn-proto endpoints, and which
//! one a client's id goes to is decided with a secret key: crafted ids are spread like any others, and however they
//! collide, a search passes a 64th of them.

use siphasher::sip::SipHasher13;

use crate::cids::{CID_BYTES, CidKey};

/// Shards of an endpoint that accepts connections; at most 64, a power of two.
pub(crate) const SHARDS: usize = 64;

/// Where packets go that no id leads anywhere: connections we dial are there, and peers answer them with stateless
/// resets, whose id is random (RFC 9000 section 10.3).
pub(crate) const DIALLED: usize = 0;

/// What the header of a packet says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Shard(usize),
    /// A short header with an id that is not ours: a stateless reset, or noise.
    Unmarked,
}

/// Decides by the destination id, which has the same place in every version of QUIC (RFC 8999 section 5).
pub(crate) struct Router {
    cids: CidKey,
    initial: [u8; 16],
}

impl Router {
    pub(crate) fn new(cids: CidKey, initial: [u8; 16]) -> Self {
        Self { cids, initial }
    }

    /// `shards`: a power of two.
    pub(crate) fn route(&self, packet: &[u8], shards: usize) -> Route {
        if shards == 1 {
            return Route::Shard(DIALLED);
        }
        let long = packet.first().is_some_and(|first| first & 0x80 != 0);
        let cid = if long {
            packet.get(5).and_then(|&length| packet.get(6..6 + usize::from(length))).unwrap_or_default()
        } else {
            packet.get(1..1 + CID_BYTES).unwrap_or_default()
        };
        match self.cids.shard(cid) {
            Some(shard) => Route::Shard(usize::from(shard) & (shards - 1)),
            None if long => {
                let hash = SipHasher13::new_with_key(&self.initial).hash(cid);
                Route::Shard(hash as usize & (shards - 1))
            }
            None => Route::Unmarked,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        cell::Cell,
        collections::HashSet,
        hash::{BuildHasherDefault, Hash, Hasher},
        sync::{Arc, Mutex},
    };

    use quinn_proto::ConnectionIdGenerator;
    use rand::{Rng, SeedableRng, rngs::StdRng};
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::cids::CheckedCids;

    const CLIENTS: usize = 4096;

    fn router() -> Router {
        Router::new(CidKey([1; 16]), [2; 16])
    }

    fn initial(cid: &[u8]) -> Vec<u8> {
        [&[0xc0, 0, 0, 0, 1, cid.len() as u8], cid, &[0; 20]].concat()
    }

    #[test]
    fn our_own_ids_lead_to_the_shard_that_made_them() {
        let rng = Arc::new(Mutex::new(StdRng::seed_from_u64(1)));
        for shard in 0..SHARDS {
            let mut cids = CheckedCids::new(rng.clone(), CidKey([1; 16]), shard as u8, SHARDS as u8 - 1);
            let cid = cids.generate_cid();
            assert!(cids.validate(&cid).is_ok());
            let short = [&[0x40], &cid[..], &[0; 20]].concat();
            assert_eq!(router().route(&short, SHARDS), Route::Shard(shard));
            assert_eq!(router().route(&initial(&cid), SHARDS), Route::Shard(shard));
        }
    }

    #[test]
    fn a_short_packet_with_a_made_up_id_has_no_shard_and_a_cut_one_is_harmless() {
        assert_eq!(router().route(&[0x40; 30], SHARDS), Route::Unmarked);
        for length in 0..12 {
            router().route(&[0x40; 12][..length], SHARDS);
            router().route(&initial(&[7; 20])[..length], SHARDS);
        }
    }

    thread_local! {
        static COMPARED: Cell<usize> = const { Cell::new(0) };
    }

    /// A client's id that counts how often it is compared.
    #[derive(Clone)]
    struct Id([u8; 8]);

    impl Hash for Id {
        fn hash<H: Hasher>(&self, state: &mut H) {
            state.write(&self.0);
        }
    }

    impl PartialEq for Id {
        fn eq(&self, other: &Self) -> bool {
            COMPARED.set(COMPARED.get() + 1);
            self.0 == other.0
        }
    }

    impl Eq for Id {}

    /// A hash the attacker has mastered: it looks at four bytes. std's with known keys is not worse.
    #[derive(Default)]
    struct Mastered(u64);

    impl Hasher for Mastered {
        fn write(&mut self, bytes: &[u8]) {
            self.0 = bytes.iter().take(4).fold(0, |sum, &byte| sum << 8 | u64::from(byte));
        }

        fn finish(&self) -> u64 {
            self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        }
    }

    type Table = HashSet<Id, BuildHasherDefault<Mastered>>;

    /// Ids that all collide.
    fn crafted(count: usize) -> Vec<Id> {
        (0..count as u64).map(|n| Id((n & 0xffff_ffff).to_be_bytes())).collect()
    }

    fn random(count: usize) -> Vec<Id> {
        let mut rng = StdRng::seed_from_u64(4);
        let mut id = [0; 8];
        std::iter::repeat_with(|| {
            rng.fill_bytes(&mut id);
            Id(id)
        })
        .take(count)
        .collect()
    }

    /// Comparisons that looking every id up costs, per look-up.
    fn comparisons(ids: &[Id], shards: usize) -> f64 {
        let mut tables = vec![Table::default(); shards];
        let place = |id: &Id| match router().route(&initial(&id.0), shards) {
            Route::Shard(shard) => shard,
            Route::Unmarked => unreachable!("long headers have a shard"),
        };
        for id in ids {
            tables[place(id)].insert(id.clone());
        }
        COMPARED.set(0);
        assert!(ids.iter().all(|id| tables[place(id)].contains(id)));
        COMPARED.get() as f64 / ids.len() as f64
    }

    #[test]
    fn crafted_ids_cost_a_search_what_their_shard_holds_and_not_what_the_attacker_opened() {
        let crafted = crafted(CLIENTS);
        let flood: Vec<f64> = [64, 512, CLIENTS].iter().map(|&n| comparisons(&crafted[..n], SHARDS)).collect();
        let unfiltered = comparisons(&crafted, 1);
        let harmless = comparisons(&random(CLIENTS), SHARDS);
        assert!(unfiltered > 500.0, "the ids do not collide: {unfiltered} comparisons");
        assert!(harmless < 1.5, "{harmless} comparisons for random ids");
        assert!(flood[2] < unfiltered / 30.0 && flood[2] < 64.0, "{flood:?} comparisons, {unfiltered} unfiltered");
        println!("comparisons per search of {CLIENTS}: {unfiltered} unfiltered, {flood:?} crafted, {harmless} random");
    }
}
