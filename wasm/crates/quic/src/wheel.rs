//! Hierarchical timer wheel, shared by connections and application timers: O(1) to arm and to cancel.
//!
//! Six levels of 64 slots; a slot of level 0 spans 128 µs, one of level n 64 times one of level n - 1, the whole wheel
//! 101 days (what lies beyond waits in the last slot and is sorted in again). Nothing fires early: a slot only tells where
//! to look. [`Wheel::next_deadline`] may be early when a far slot is crowded, never late.

use crate::handles::Slab;

const TICK_BITS: u32 = 7;
const SLOT_BITS: u32 = 6;
const SLOTS: usize = 1 << SLOT_BITS;
const LEVELS: usize = 6;
const SPAN_TICKS: u64 = 1 << (SLOT_BITS as usize * LEVELS);
/// Entries of a far slot looked at for an exact deadline.
const GLANCE: usize = 16;

/// What fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alarm {
    /// The connection with this handle has something due.
    Connection(u32),
    /// The application armed it.
    Application,
}

struct Timer {
    deadline: u64,
    alarm: Alarm,
    level: u8,
    slot: u8,
    previous: u32,
    next: u32,
}

/// The wheel. Times are microseconds on the host's clock.
pub(crate) struct Wheel {
    timers: Slab<Timer>,
    /// First timer of each slot; 0 is none.
    heads: [[u32; SLOTS]; LEVELS],
    /// One bit per slot that is not empty.
    occupied: [u64; LEVELS],
    /// Every slot before this tick is empty.
    tick: u64,
    /// No timer is due before; `u64::MAX` without timers.
    soonest: u64,
}

impl Wheel {
    pub(crate) fn new(now: u64, capacity: usize) -> Self {
        let (heads, occupied) = ([[0; SLOTS]; LEVELS], [0; LEVELS]);
        Self { timers: Slab::new(capacity), heads, occupied, tick: now >> TICK_BITS, soonest: u64::MAX }
    }

    /// The timer's handle; `None` when the wheel holds as many as it may.
    pub(crate) fn arm(&mut self, deadline: u64, alarm: Alarm) -> Option<u32> {
        let handle = self.timers.insert(Timer { deadline, alarm, level: 0, slot: 0, previous: 0, next: 0 })?;
        self.link(handle);
        self.soonest = self.soonest.min(deadline);
        Some(handle)
    }

    /// False when it has fired or was cancelled before.
    pub(crate) fn cancel(&mut self, timer: u32) -> bool {
        if self.timers.get(timer).is_none() {
            return false;
        }
        self.unlink(timer);
        self.timers.remove(timer);
        true
    }

    /// Lets the indices of dead timers be used again.
    pub(crate) fn recycle(&mut self) {
        self.timers.recycle();
    }

    /// [`Wheel::recycle`] is due although there may be no event to read.
    pub(crate) fn is_littered(&self) -> bool {
        self.timers.is_littered()
    }

    /// Appends every alarm due at `now` with its timer's handle, which is dead from now on.
    pub(crate) fn advance(&mut self, now: u64, fired: &mut Vec<(u32, Alarm)>) {
        let target = now >> TICK_BITS;
        while let Some((level, slot, start)) = self.next_slot() {
            if start > target {
                break;
            }
            self.tick = self.tick.max(start);
            if level > 0 {
                self.sort_in(level, slot);
                continue;
            }
            self.fire(slot, now, fired);
            if start == target {
                return;
            }
        }
        self.tick = self.tick.max(target);
    }

    /// No timer is due before this time: [`Wheel::next_deadline`] at the last [`Wheel::look`], or of a timer armed since.
    pub(crate) fn soonest(&self) -> Option<u64> {
        (self.soonest < u64::MAX).then_some(self.soonest)
    }

    /// Takes note of timers that were cancelled or fired.
    pub(crate) fn look(&mut self) {
        self.soonest = self.next_deadline().unwrap_or(u64::MAX);
    }

    /// When [`Wheel::advance`] has something to do next.
    pub(crate) fn next_deadline(&self) -> Option<u64> {
        let (level, slot, start) = self.next_slot()?;
        let limit = if level == 0 { usize::MAX } else { GLANCE };
        let mut earliest = u64::MAX;
        let mut at = self.heads[level][slot];
        for _ in 0..limit {
            let Some(timer) = self.timers.get(at) else {
                return Some(earliest);
            };
            earliest = earliest.min(timer.deadline);
            at = timer.next;
        }
        Some(start << TICK_BITS)
    }

    /// The first slot that is not empty: level, slot, first tick.
    fn next_slot(&self) -> Option<(usize, usize, u64)> {
        for level in 0..LEVELS {
            let shift = SLOT_BITS * level as u32;
            let current = (self.tick >> shift) & (SLOTS as u64 - 1);
            // Upper slots at the current place were sorted in when the wheel reached them.
            let ahead = self.occupied[level] & (u64::MAX << current);
            if ahead != 0 {
                let slot = ahead.trailing_zeros() as u64;
                let turn = self.tick >> (shift + SLOT_BITS) << (shift + SLOT_BITS);
                return Some((level, slot as usize, turn | slot << shift));
            }
        }
        None
    }

    /// Fires what is due in a slot of level 0; only the slot of `now` itself can keep something.
    fn fire(&mut self, slot: usize, now: u64, fired: &mut Vec<(u32, Alarm)>) {
        let mut at = self.heads[0][slot];
        while let Some(timer) = self.timers.get(at) {
            let (next, due, alarm) = (timer.next, timer.deadline <= now, timer.alarm);
            if due {
                self.unlink(at);
                self.timers.remove(at);
                fired.push((at, alarm));
            }
            at = next;
        }
    }

    /// Moves the timers of an upper slot that the wheel has reached to lower levels.
    fn sort_in(&mut self, level: usize, slot: usize) {
        let mut at = std::mem::take(&mut self.heads[level][slot]);
        self.occupied[level] &= !(1 << slot);
        while let Some(timer) = self.timers.get(at) {
            let next = timer.next;
            self.link(at);
            at = next;
        }
    }

    fn link(&mut self, handle: u32) {
        let Some(timer) = self.timers.get_mut(handle) else { return };
        let last = self.tick + SPAN_TICKS - 1 - (self.tick & (SPAN_TICKS - 1));
        let tick = (timer.deadline >> TICK_BITS).clamp(self.tick, last);
        let differing = 63 - ((tick ^ self.tick) | 1).leading_zeros();
        let level = (differing / SLOT_BITS) as usize;
        let slot = ((tick >> (SLOT_BITS * level as u32)) & (SLOTS as u64 - 1)) as usize;
        let head = std::mem::replace(&mut self.heads[level][slot], handle);
        (timer.level, timer.slot, timer.previous, timer.next) = (level as u8, slot as u8, 0, head);
        if let Some(old) = self.timers.get_mut(head) {
            old.previous = handle;
        }
        self.occupied[level] |= 1 << slot;
    }

    fn unlink(&mut self, handle: u32) {
        let Some(timer) = self.timers.get(handle) else { return };
        let (level, slot, previous, next) = (timer.level as usize, timer.slot as usize, timer.previous, timer.next);
        match self.timers.get_mut(previous) {
            Some(timer) => timer.next = next,
            None => self.heads[level][slot] = next,
        }
        if let Some(timer) = self.timers.get_mut(next) {
            timer.previous = previous;
        }
        if self.heads[level][slot] == 0 {
            self.occupied[level] &= !(1 << slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng, rngs::StdRng};
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn timers_fire_in_time_whatever_the_steps() {
        for seed in 0..100u64 {
            let mut rng = StdRng::seed_from_u64(seed);
            let mut now = rng.random_range(0..1u64 << 40);
            let mut wheel = Wheel::new(now, 1 << 16);
            let mut model: Vec<(u64, u32)> = Vec::new();
            let mut fired = Vec::new();
            for step in 0..3000 {
                match rng.random_range(0..4u32) {
                    0 | 1 => {
                        let deadline = (now + (1u64 << rng.random_range(0..45u32))).saturating_sub(500);
                        model.push((deadline, wheel.arm(deadline, Alarm::Application).unwrap()));
                    }
                    2 if !model.is_empty() => {
                        let (_, handle) = model.swap_remove(rng.random_range(0..model.len()));
                        assert!(wheel.cancel(handle) && !wheel.cancel(handle), "seed {seed}, step {step}");
                    }
                    _ => {
                        now += 1u64 << rng.random_range(0..38u32);
                        fired.clear();
                        wheel.advance(now, &mut fired);
                        let mut due: Vec<u32> = model.iter().filter(|t| t.0 <= now).map(|t| t.1).collect();
                        let mut got: Vec<u32> = fired.iter().map(|t| t.0).collect();
                        due.sort();
                        got.sort();
                        assert_eq!(got, due, "seed {seed}, step {step}");
                        model.retain(|t| t.0 > now);
                        wheel.recycle();
                    }
                }
                let earliest = model.iter().map(|t| t.0).min();
                let told = wheel.next_deadline();
                assert_eq!(told.is_some(), earliest.is_some(), "seed {seed}, step {step}");
                assert!(told <= earliest, "seed {seed}, step {step}: {told:?} after {earliest:?}");
            }
        }
    }

    #[test]
    fn sleeping_until_the_next_deadline_needs_few_wakes() {
        let mut wheel = Wheel::new(0, 1000);
        for n in 0..500u64 {
            wheel.arm(4_000_000 + n, Alarm::Application);
        }
        let (mut wakes, mut fired) = (0, Vec::new());
        while let Some(deadline) = wheel.next_deadline() {
            wheel.advance(deadline, &mut fired);
            wakes += 1;
            assert!(wakes < 600);
        }
        assert_eq!(fired.len(), 500);
    }
}
