//! The chooser: an indexed binary heap of ready streams, lowest sort key first, first in first out among equals.
//!
//! Indexed means that a stream knows its place in the heap, so that it can leave or move in O(log n) without a search.
//! The place is kept by the caller (in the stream itself), through [`Places`].

/// Where each stream of a [`Chooser`] keeps its place in the heap.
pub(crate) trait Places {
    /// `place` is [`NOWHERE`] when the stream has left.
    fn moved(&mut self, stream: u32, place: u32);
}

/// The place of a stream that is in no heap.
pub(crate) const NOWHERE: u32 = u32::MAX;

/// What stands first in a heap: compare with `<`, the lowest leaves first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    pub(crate) key: u128,
    /// Order of arrival, unique per connection.
    pub(crate) order: u64,
}

#[derive(Clone, Copy)]
struct Entry {
    rank: Rank,
    stream: u32,
}

/// Ready streams by rank.
#[derive(Default)]
pub(crate) struct Chooser {
    entries: Vec<Entry>,
}

impl Chooser {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The stream whose turn it is.
    pub(crate) fn best(&self) -> Option<(Rank, u32)> {
        self.entries.first().map(|entry| (entry.rank, entry.stream))
    }

    pub(crate) fn insert(&mut self, stream: u32, rank: Rank, places: &mut impl Places) {
        self.entries.push(Entry { rank, stream });
        let place = self.rise(self.entries.len() - 1, places);
        places.moved(stream, place as u32);
    }

    /// Takes the stream at `place` out.
    pub(crate) fn remove(&mut self, place: u32, places: &mut impl Places) {
        let place = place as usize;
        let gone = self.entries.swap_remove(place);
        places.moved(gone.stream, NOWHERE);
        if place < self.entries.len() {
            self.settle(place, places);
        }
    }

    /// Gives the stream at `place` another key; its order of arrival stays.
    pub(crate) fn rekey(&mut self, place: u32, key: u128, places: &mut impl Places) {
        self.entries[place as usize].rank.key = key;
        self.settle(place as usize, places);
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    fn settle(&mut self, place: usize, places: &mut impl Places) {
        let risen = self.rise(place, places);
        let settled = if risen == place { self.sink(place, places) } else { risen };
        places.moved(self.entries[settled].stream, settled as u32);
    }

    /// Moves what is less urgent down and puts the entry at `place` above it; where that is.
    fn rise(&mut self, mut place: usize, places: &mut impl Places) -> usize {
        let entry = self.entries[place];
        while place > 0 {
            let parent = self.entries[(place - 1) / 2];
            if parent.rank <= entry.rank {
                break;
            }
            self.entries[place] = parent;
            places.moved(parent.stream, place as u32);
            place = (place - 1) / 2;
        }
        self.entries[place] = entry;
        place
    }

    /// Moves what is more urgent up and puts the entry at `place` below it; where that is.
    fn sink(&mut self, mut place: usize, places: &mut impl Places) -> usize {
        let entry = self.entries[place];
        loop {
            let left = 2 * place + 1;
            let right = left + 1;
            let least = match (self.entries.get(left), self.entries.get(right)) {
                (None, _) => break,
                (Some(first), Some(second)) if second.rank < first.rank => right,
                _ => left,
            };
            let child = self.entries[least];
            if entry.rank <= child.rank {
                break;
            }
            self.entries[place] = child;
            places.moved(child.stream, place as u32);
            place = least;
        }
        self.entries[place] = entry;
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng, rngs::StdRng};
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    impl Places for Vec<u32> {
        fn moved(&mut self, stream: u32, place: u32) {
            self[stream as usize] = place;
        }
    }

    /// Every operation on the heap, and on a plain list that is sorted each time.
    #[test]
    fn the_heap_behaves_like_a_sorted_list() {
        for seed in 0..60u64 {
            let mut rng = StdRng::seed_from_u64(seed);
            let mut places = vec![NOWHERE; 64];
            let mut heap = Chooser::default();
            let mut model: Vec<(Rank, u32)> = Vec::new();
            for order in 0..2000u64 {
                let stream = rng.random_range(0..64u32);
                let key = u128::from(rng.random_range(0..8u64)) << rng.random_range(0..121u32);
                let known = model.iter().position(|&(_, s)| s == stream);
                match (rng.random_range(0..3u32), known) {
                    (_, None) => {
                        heap.insert(stream, Rank { key, order }, &mut places);
                        model.push((Rank { key, order }, stream));
                    }
                    (0, Some(at)) => {
                        heap.remove(places[stream as usize], &mut places);
                        model.remove(at);
                    }
                    (_, Some(at)) => {
                        heap.rekey(places[stream as usize], key, &mut places);
                        model[at].0.key = key;
                    }
                }
                model.sort();
                assert_eq!(heap.best(), model.first().copied(), "seed {seed}, step {order}");
                assert_eq!(heap.len(), model.len());
                for stream in 0..64u32 {
                    let place = places[stream as usize];
                    let known = model.iter().any(|&(_, s)| s == stream);
                    assert_eq!(place != NOWHERE, known, "seed {seed}, stream {stream}");
                    if known {
                        assert_eq!(heap.entries[place as usize].stream, stream);
                    }
                }
            }
        }
    }

    #[test]
    fn equal_keys_leave_in_order_of_arrival() {
        let mut places = vec![NOWHERE; 10];
        let mut heap = Chooser::default();
        for stream in 0..10u32 {
            heap.insert(stream, Rank { key: 7, order: u64::from(stream) }, &mut places);
        }
        for stream in 0..10u32 {
            assert_eq!(heap.best().unwrap().1, stream);
            heap.remove(places[stream as usize], &mut places);
        }
    }
}
