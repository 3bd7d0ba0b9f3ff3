//! Peer addresses as small numbers, so that no address crosses the wasm boundary per packet.
//!
//! An index names the same address as long as a connection uses it, and for at least [`STABLE_INTERNS`] further interns;
//! after that the oldest unused one is given to a new address.

use std::{collections::HashMap, net::SocketAddr};

use crate::keyed::Keyed;

/// Interns an unused index survives at least.
pub const STABLE_INTERNS: u64 = 1024;

struct Peer {
    address: SocketAddr,
    /// Connections that use the address.
    users: u32,
    /// Shards of theirs, a bit each, since the address was last unused.
    shards: u64,
    /// Intern counter when the address was last interned.
    stamp: u64,
}

/// The interning table.
pub(crate) struct Peers {
    table: Vec<Peer>,
    index: HashMap<SocketAddr, u32, Keyed>,
    capacity: usize,
    interns: u64,
    /// Where the search for an unused entry goes on.
    hand: usize,
}

impl Peers {
    /// `capacity` must exceed the addresses in use by connections by more than [`STABLE_INTERNS`].
    pub(crate) fn new(capacity: usize, keyed: Keyed) -> Self {
        Self { table: Vec::new(), index: HashMap::with_hasher(keyed), capacity, interns: 0, hand: 0 }
    }

    pub(crate) fn address(&self, peer: u32) -> Option<SocketAddr> {
        self.table.get(peer as usize).map(|peer| peer.address)
    }

    /// Shards that connections with this address live in, a bit each.
    pub(crate) fn shards(&self, peer: u32) -> u64 {
        self.table.get(peer as usize).map_or(0, |peer| peer.shards)
    }

    /// The address's index; `None` when every entry is in use or too young to go.
    pub(crate) fn intern(&mut self, address: SocketAddr) -> Option<u32> {
        if let Some(&peer) = self.index.get(&address) {
            self.interns += 1;
            self.table[peer as usize].stamp = self.interns;
            return Some(peer);
        }
        let fresh = Peer { address, users: 0, shards: 0, stamp: self.interns + 1 };
        let peer = if self.table.len() < self.capacity {
            self.table.push(fresh);
            (self.table.len() - 1) as u32
        } else {
            let peer = self.oldest_unused()?;
            let gone = std::mem::replace(&mut self.table[peer as usize], fresh);
            self.index.remove(&gone.address);
            peer
        };
        self.interns += 1;
        self.index.insert(address, peer);
        Some(peer)
    }

    /// A connection of this shard uses the address from now on.
    pub(crate) fn retain(&mut self, peer: u32, shard: usize) {
        if let Some(peer) = self.table.get_mut(peer as usize) {
            peer.users += 1;
            peer.shards |= 1 << shard;
        }
    }

    /// A connection no longer uses the address.
    pub(crate) fn release(&mut self, peer: u32) {
        if let Some(peer) = self.table.get_mut(peer as usize) {
            peer.users = peer.users.saturating_sub(1);
            if peer.users == 0 {
                peer.shards = 0;
            }
            // From now on as young as a new one: the host may still hold the index for a packet or two.
            peer.stamp = self.interns;
        }
    }

    /// A clock hand that passes entries in use or young; it goes round at most once.
    fn oldest_unused(&mut self) -> Option<u32> {
        for _ in 0..self.table.len() {
            let at = self.hand;
            self.hand = (self.hand + 1) % self.table.len();
            let peer = &self.table[at];
            if peer.users == 0 && peer.stamp + STABLE_INTERNS <= self.interns {
                return Some(at as u32);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{SeedableRng, rngs::StdRng};
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn address(n: u32) -> SocketAddr {
        SocketAddr::from((n.to_be_bytes(), 4433))
    }

    fn peers(capacity: usize) -> Peers {
        Peers::new(capacity, Keyed::from_rng(&mut StdRng::seed_from_u64(1)))
    }

    #[test]
    fn the_same_address_keeps_its_index() {
        let mut peers = peers(4096);
        let first = peers.intern(address(1)).unwrap();
        assert_ne!(peers.intern(address(2)), Some(first));
        assert_eq!(peers.intern(address(1)), Some(first));
        assert_eq!(peers.address(first), Some(address(1)));
    }

    #[test]
    fn an_index_in_use_survives_any_flood_of_addresses() {
        let mut peers = peers(2048);
        let used = peers.intern(address(1)).unwrap();
        peers.retain(used, 0);
        for n in 2..100_000 {
            assert_ne!(peers.intern(address(n)), Some(used));
        }
        assert_eq!(peers.address(used), Some(address(1)));
        assert!(peers.table.len() <= 2048 && peers.index.len() <= 2048);
    }

    #[test]
    fn an_unused_index_survives_exactly_the_promised_number_of_interns() {
        let mut peers = peers(2048);
        for n in 0..10_000u32 {
            let young = peers.intern(address(n)).unwrap();
            let later = n.saturating_sub(1023);
            // The one interned 1023 interns ago still has its index.
            assert_eq!(peers.index.get(&address(later)).map(|&p| peers.address(p)), Some(Some(address(later))));
            assert_eq!(peers.address(young), Some(address(n)));
        }
    }
}
