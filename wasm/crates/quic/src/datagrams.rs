//! Datagrams waiting to leave one connection: the lowest sort key first, first in first out among equals.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::chooser::Rank;

/// A queued payload.
pub(crate) struct Queued {
    pub(crate) payload: Bytes,
    /// Host microseconds after which it is stale; 0 never.
    pub(crate) deadline: u64,
}

/// A bounded queue.
pub(crate) struct DatagramQueue {
    queued: BTreeMap<Rank, Queued>,
    limit: usize,
    /// The host wants to know when fewer wait; 0 when it does not.
    awaited: usize,
}

impl DatagramQueue {
    pub(crate) fn new(limit: usize) -> Self {
        Self { queued: BTreeMap::new(), limit: limit.max(1), awaited: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.queued.len()
    }

    /// Asks `room` to tell once when fewer than `below` wait.
    pub(crate) fn await_room(&mut self, below: usize) {
        self.awaited = below;
    }

    /// How many wait, if the host has asked and it is few enough.
    pub(crate) fn room(&mut self) -> Option<usize> {
        let queued = self.queued.len();
        if queued >= self.awaited {
            return None;
        }
        self.awaited = 0;
        Some(queued)
    }

    /// Queues it; true when another had to go: the oldest of the least urgent.
    pub(crate) fn push(&mut self, rank: Rank, datagram: Queued) -> bool {
        self.queued.insert(rank, datagram);
        if self.queued.len() <= self.limit {
            return false;
        }
        let Some((last, _)) = self.queued.last_key_value() else { return false };
        let least = Rank { key: last.key, order: 0 };
        let Some((&oldest, _)) = self.queued.range(least..).next() else { return false };
        self.queued.remove(&oldest);
        true
    }

    /// What would leave next.
    pub(crate) fn best(&self) -> Option<(Rank, &Queued)> {
        self.queued.first_key_value().map(|(&rank, datagram)| (rank, datagram))
    }

    pub(crate) fn pop(&mut self) -> Option<Queued> {
        self.queued.pop_first().map(|(_, datagram)| datagram)
    }

    pub(crate) fn clear(&mut self) {
        self.queued.clear();
        self.awaited = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn queued(n: u8) -> Queued {
        Queued { payload: Bytes::copy_from_slice(&[n]), deadline: 0 }
    }

    fn rank(key: u128, order: u64) -> Rank {
        Rank { key, order }
    }

    #[test]
    fn a_full_queue_drops_the_oldest_of_the_least_urgent() {
        let mut queue = DatagramQueue::new(3);
        assert!(!queue.push(rank(5, 1), queued(1)));
        assert!(!queue.push(rank(5, 2), queued(2)));
        assert!(!queue.push(rank(1, 3), queued(3)));
        assert!(queue.push(rank(1, 4), queued(4)));
        let left: Vec<u8> = std::iter::from_fn(|| queue.pop()).map(|d| d.payload[0]).collect();
        assert_eq!(left, [3, 4, 2]);
    }

    #[test]
    fn room_is_told_once_when_fewer_wait_than_asked_for() {
        let mut queue = DatagramQueue::new(8);
        (0..4).for_each(|n| assert!(!queue.push(rank(1, n), queued(1))));
        assert_eq!(queue.room(), None);
        queue.await_room(3);
        queue.pop();
        assert_eq!(queue.room(), None);
        queue.pop();
        assert_eq!(queue.room(), Some(2));
        queue.pop();
        assert_eq!(queue.room(), None);
    }
}
