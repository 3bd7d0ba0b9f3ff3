//! Generational handles: 20 bits of index, 11 bits of generation, never 0 and never negative as an i32.
//!
//! A removed entry's handle is stale at once, but its index is reused only after [`Slab::recycle`]: the host learns of a
//! removal by an event, and must not meet a new owner of the index before it has read that event.

use std::collections::VecDeque;

const INDEX_BITS: u32 = 20;
const INDEX_MASK: u32 = (1 << INDEX_BITS) - 1;
const GENERATIONS: u32 = 1 << 11;
/// Removed entries that may wait for [`Slab::recycle`] before it is called for their sake.
const LITTER: usize = 1024;

/// The table index inside a handle.
pub(crate) fn index_of(handle: u32) -> usize {
    (handle & INDEX_MASK) as usize
}

struct Slot<T> {
    generation: u32,
    value: Option<T>,
}

/// A bounded table whose entries are named by generational handles.
pub(crate) struct Slab<T> {
    slots: Vec<Slot<T>>,
    free: VecDeque<u32>,
    retired: Vec<u32>,
    live: usize,
    capacity: usize,
}

impl<T> Slab<T> {
    /// At most `capacity` entries (2^20 at most) live or awaiting [`Slab::recycle`].
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            slots: Vec::new(),
            free: VecDeque::new(),
            retired: Vec::new(),
            live: 0,
            capacity: capacity.min(1 << INDEX_BITS),
        }
    }

    /// The new entry's handle, or `None` when the table is full.
    pub(crate) fn insert(&mut self, value: T) -> Option<u32> {
        // First in, first out: a generation comes round only after every other free index was used.
        let index = match self.free.pop_front() {
            Some(index) => index,
            None if self.slots.len() < self.capacity => {
                self.slots.push(Slot { generation: 1, value: None });
                (self.slots.len() - 1) as u32
            }
            None => return None,
        };
        let slot = &mut self.slots[index as usize];
        slot.value = Some(value);
        self.live += 1;
        Some(slot.generation << INDEX_BITS | index)
    }

    pub(crate) fn remove(&mut self, handle: u32) -> Option<T> {
        let index = index_of(handle);
        let slot = self.slots.get_mut(index)?;
        if slot.generation != handle >> INDEX_BITS {
            return None;
        }
        let value = slot.value.take()?;
        slot.generation = (slot.generation % (GENERATIONS - 1)) + 1;
        self.retired.push(index as u32);
        self.live -= 1;
        Some(value)
    }

    /// Lets the indices of removed entries be used again.
    pub(crate) fn recycle(&mut self) {
        self.free.extend(self.retired.drain(..));
    }

    /// Removed entries fill the table, or a good part of it, until [`Slab::recycle`].
    pub(crate) fn is_littered(&self) -> bool {
        let full = self.free.is_empty() && self.slots.len() == self.capacity;
        self.retired.len() >= LITTER || full && !self.retired.is_empty()
    }

    pub(crate) fn get(&self, handle: u32) -> Option<&T> {
        let slot = self.slots.get(index_of(handle))?;
        if slot.generation != handle >> INDEX_BITS {
            return None;
        }
        slot.value.as_ref()
    }

    pub(crate) fn get_mut(&mut self, handle: u32) -> Option<&mut T> {
        let slot = self.slots.get_mut(index_of(handle))?;
        if slot.generation != handle >> INDEX_BITS {
            return None;
        }
        slot.value.as_mut()
    }

    pub(crate) fn len(&self) -> usize {
        self.live
    }

    /// Handles of all live entries.
    pub(crate) fn handles(&self) -> impl Iterator<Item = u32> + '_ {
        self.slots
            .iter()
            .enumerate()
            .filter(|(_, slot)| slot.value.is_some())
            .map(|(index, slot)| slot.generation << INDEX_BITS | index as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_removed_handle_is_stale_and_its_index_waits_for_recycle() {
        let mut slab = Slab::new(8);
        let first = slab.insert("a").unwrap();
        assert_eq!(slab.remove(first), Some("a"));
        assert_eq!(slab.get(first), None);
        let second = slab.insert("b").unwrap();
        assert_ne!(index_of(first), index_of(second));
        slab.recycle();
        let third = slab.insert("c").unwrap();
        assert_eq!(index_of(first), index_of(third));
        assert_ne!(first, third);
        assert_eq!(slab.remove(first), None);
        assert_eq!(slab.get(third), Some(&"c"));
    }

    #[test]
    fn a_table_is_littered_when_removed_entries_leave_no_room_or_are_many() {
        let mut small = Slab::new(2);
        let (first, _) = (small.insert(1).unwrap(), small.insert(2).unwrap());
        assert!(!small.is_littered());
        small.remove(first);
        assert!(small.is_littered());
        small.recycle();
        assert!(!small.is_littered());

        let mut large = Slab::new(1 << INDEX_BITS);
        let handles: Vec<u32> = (0..LITTER).map(|n| large.insert(n).unwrap()).collect();
        assert!(!large.is_littered());
        for handle in handles {
            large.remove(handle).unwrap();
        }
        assert!(large.is_littered());
    }

    #[test]
    fn handles_stay_positive_through_every_generation() {
        let mut slab = Slab::new(1);
        for _ in 0..3 * GENERATIONS {
            let handle = slab.insert(()).unwrap();
            assert!(handle as i32 > 0);
            assert_eq!(slab.insert(()), None);
            slab.remove(handle).unwrap();
            slab.recycle();
        }
    }
}
