//! The link itself.

use std::collections::{BTreeSet, VecDeque};

use crate::{Counters, Jitter, LinkSettings, dice::Dice};

/// IPv4 and UDP headers count towards the rate.
const HEADERS: u64 = 28;
/// A reordered packet waits at least this long, µs.
const LEAST_REORDER: u64 = 5_000;
/// ECN code points of RFC 3168: not capable, ECT(1), ECT(0), and congestion experienced.
pub const ECN_CE: u8 = 3;

/// One arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fate {
    /// When, µs.
    pub at: u64,
    /// ECN code point on arrival.
    pub ecn: u8,
    /// The bit of the payload that arrives flipped.
    pub corrupt: Option<u32>,
}

/// The arrivals of one packet: none, one or two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fates {
    /// Nothing where the packet is lost.
    pub first: Option<Fate>,
    /// Its duplicate.
    pub again: Option<Fate>,
}

impl IntoIterator for Fates {
    type Item = Fate;
    type IntoIter = std::iter::Flatten<std::array::IntoIter<Option<Fate>, 2>>;

    fn into_iter(self) -> Self::IntoIter {
        [self.first, self.again].into_iter().flatten()
    }
}

struct Sources {
    loss: Dice,
    burst: Dice,
    corrupt: Dice,
    reorder: Dice,
    duplicate: Dice,
    mark: Dice,
    jitter: Dice,
}

/// One direction of a link, with what is under way before its rate.
pub struct Link {
    settings: LinkSettings,
    sources: Sources,
    listed: BTreeSet<u64>,
    counters: Counters,
    /// When each packet that waits for the rate begins to be sent.
    waiting: VecDeque<u64>,
    /// When the last one has been sent.
    free: u64,
    last_arrival: u64,
    losses_in_row: u32,
    /// Index at which the burst of the present period begins.
    burst_at: u32,
    rebindings: u32,
}

impl Link {
    /// A link that is idle.
    #[must_use]
    pub fn new(seed: u64, settings: LinkSettings) -> Self {
        let dice = |purpose| Dice::new(seed, purpose);
        Self {
            settings,
            sources: Sources {
                loss: dice(1),
                burst: dice(2),
                corrupt: dice(3),
                reorder: dice(4),
                duplicate: dice(5),
                mark: dice(6),
                jitter: dice(7),
            },
            listed: BTreeSet::new(),
            counters: Counters::default(),
            waiting: VecDeque::new(),
            free: 0,
            last_arrival: 0,
            losses_in_row: 0,
            burst_at: 0,
            rebindings: 0,
        }
    }

    /// Changes what the link is like from the next packet on; what is under way arrives as decided.
    pub fn change(&mut self, settings: LinkSettings) {
        self.settings = settings;
    }

    /// Loses the n-th packet, counted from 0.
    pub fn drop_index(&mut self, index: u64) {
        self.listed.insert(index);
    }

    /// What happened so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// How often the sender's port has changed by `now`: the first port is 0.
    pub fn port(&mut self, now: u64) -> u32 {
        let rebinding = self.settings.rebinding;
        let period = rebinding.length + rebinding.pause;
        if period > 0
            && let Some(since) = now.checked_sub(rebinding.first)
        {
            let turns = since / period + 1;
            let turns = if rebinding.count == 0 { turns } else { turns.min(rebinding.count) };
            self.rebindings = self.rebindings.max(u32::try_from(turns).unwrap_or(u32::MAX));
            self.counters.rebound = u64::from(self.rebindings);
        }
        self.rebindings
    }

    /// Takes one packet of so many bytes of UDP payload, which may be marked by `ecn`, and decides about it. `now` never
    /// goes back.
    pub fn offer(&mut self, now: u64, length: u32, ecn: u8) -> Fates {
        let index = self.counters.offered;
        self.counters.offered += 1;
        if self.is_lost(index, now, length) {
            return Fates::default();
        }
        let Some(sent) = self.send(now, length) else { return Fates::default() };
        let fate = Fate { at: self.arrival(sent), ecn: self.mark(ecn), corrupt: self.corrupt(length) };
        let again = self.sources.duplicate.hits(self.settings.duplicate);
        self.counters.duplicated += u64::from(again);
        self.counters.forwarded += 1 + u64::from(again);
        Fates { first: Some(fate), again: again.then_some(fate) }
    }

    fn is_lost(&mut self, index: u64, now: u64, length: u32) -> bool {
        let settings = &self.settings;
        // All dice are thrown for every packet, so that no fault shifts another.
        let unlucky = self.sources.loss.hits(settings.loss);
        let burst = self.in_burst(index);
        let settings = &self.settings;
        let counters = &mut self.counters;
        let reason = if self.listed.remove(&index) {
            &mut counters.listed
        } else if settings.blackout.end(now).is_some() {
            &mut counters.blacked_out
        } else if settings.mtu > 0 && length > settings.mtu {
            &mut counters.too_large
        } else if unlucky && (settings.loss_run == 0 || self.losses_in_row < settings.loss_run) {
            self.losses_in_row += 1;
            &mut counters.lost
        } else if burst {
            &mut counters.burst_lost
        } else {
            self.losses_in_row = 0;
            return false;
        };
        *reason += 1;
        true
    }

    fn in_burst(&mut self, index: u64) -> bool {
        let LinkSettings { burst_period: period, burst_length: length, .. } = self.settings;
        if period == 0 || length == 0 {
            return false;
        }
        let within = (index % u64::from(period)) as u32;
        if within == 0 {
            self.burst_at = self.sources.burst.below(period.saturating_sub(length) + 1);
        }
        (self.burst_at..self.burst_at.saturating_add(length)).contains(&within)
    }

    /// When the packet has left the sender; `None`: the queue is full.
    fn send(&mut self, now: u64, length: u32) -> Option<u64> {
        while self.waiting.front().is_some_and(|&start| start <= now) {
            self.waiting.pop_front();
        }
        if self.settings.queue > 0 && self.waiting.len() >= self.settings.queue as usize {
            self.counters.queue_dropped += 1;
            return None;
        }
        let suspension = self.settings.suspension;
        self.counters.suspended += u64::from(suspension.end(now).is_some());
        let start = now.max(self.free);
        let start = suspension.end(start).unwrap_or(start);
        if start > now {
            self.waiting.push_back(start);
        }
        let bits = (u64::from(length) + HEADERS) * 8;
        self.free = start + if self.settings.rate == 0 { 0 } else { (bits * 1_000_000).div_ceil(self.settings.rate) };
        Some(self.free)
    }

    fn arrival(&mut self, sent: u64) -> u64 {
        let latency = self.settings.latency;
        let jitter = self.jitter();
        self.counters.jittered += u64::from(jitter > 0);
        let at = (sent + latency + jitter).max(self.last_arrival);
        if self.sources.reorder.hits(self.settings.reorder) {
            self.counters.reordered += 1;
            return at + latency.max(LEAST_REORDER);
        }
        self.last_arrival = at;
        at
    }

    fn jitter(&mut self) -> u64 {
        let dice = &mut self.sources.jitter;
        match self.settings.jitter {
            Jitter::None => 0,
            Jitter::Gauss { deviation } => (dice.gauss().abs() * deviation as f64) as u64,
            Jitter::Wifi { mean } => {
                let chance = (mean.saturating_sub(1_000).min(89_000) * 1_000_000 / 89_000) as u32;
                if dice.hits(chance) { dice.poisson_12() * 7_500 } else { dice.poisson_1() * 1_000 }
            }
        }
    }

    fn mark(&mut self, ecn: u8) -> u8 {
        let marked = self.sources.mark.hits(self.settings.mark) && ecn != 0;
        self.counters.marked += u64::from(marked);
        if marked { ECN_CE } else { ecn }
    }

    fn corrupt(&mut self, length: u32) -> Option<u32> {
        let bit = self.sources.corrupt.below(length.max(1) * 8);
        let corrupt = self.sources.corrupt.hits(self.settings.corrupt);
        self.counters.corrupted += u64::from(corrupt);
        corrupt.then_some(bit)
    }
}
