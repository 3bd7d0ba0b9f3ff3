//! Paces new data at the rate a congestion controller names (RFC 9002 section 7.7); one that names none is paced by
//! quinn-proto, at 5/4 of its window per round trip.

/// Time whose packets may leave at once: a host's timer of a millisecond may come one late, and what it did not wake up for
/// must not be lost.
const BURST_MICROS: u64 = 3_000;
/// The same in bytes, at least: two packets.
const LEAST_BURST: f64 = 2.0 * 1452.0;

#[derive(Debug, Default)]
pub(crate) struct Pacer {
    /// Bytes that may leave; below 0 after a packet that took more.
    budget: f64,
    at: u64,
}

impl Pacer {
    /// When the next packet may leave, if not now. `rate` in bytes per second, times in µs.
    pub(crate) fn wait(&mut self, now: u64, rate: u64) -> Option<u64> {
        let per_micro = rate as f64 / 1e6;
        let burst = (per_micro * BURST_MICROS as f64).max(LEAST_BURST);
        // What was sent while no rate was named, or past it (what is repeated), is no debt for long.
        let budget = self.budget.max(-burst) + per_micro * now.saturating_sub(self.at) as f64;
        self.budget = budget.min(burst);
        self.at = now;
        (self.budget < 0.0).then(|| now + (-self.budget / per_micro).ceil() as u64 + 1)
    }

    /// Bytes that may leave now, as of the last look.
    pub(crate) fn room(&self) -> u64 {
        self.budget.max(0.0) as u64
    }

    pub(crate) fn sent(&mut self, bytes: usize) {
        self.budget -= bytes as f64;
    }
}

#[cfg(test)]
mod tests {
    use super::Pacer;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    /// Bytes per second: 10 Mbit/s.
    const RATE: u64 = 1_250_000;

    /// Bytes that leave within a second by a host whose timers come at multiples of `tick`.
    fn sent_in_a_second(tick: u64) -> u64 {
        let mut pacer = Pacer::default();
        let (mut now, mut sent) = (0, 0);
        while now < 1_000_000 {
            match pacer.wait(now, RATE) {
                Some(next) => now = next.div_ceil(tick) * tick,
                None => {
                    pacer.sent(1452);
                    sent += 1452;
                }
            }
        }
        sent
    }

    #[test]
    fn the_rate_is_kept_by_exact_timers_and_by_those_of_a_millisecond() {
        for tick in [1, 1000, 2000] {
            let sent = sent_in_a_second(tick);
            assert!((RATE * 98 / 100..RATE * 102 / 100).contains(&sent), "{tick} µs: {sent}");
        }
    }

    #[test]
    fn a_pause_earns_no_more_than_a_burst() {
        let mut pacer = Pacer::default();
        let mut packets = 0;
        while pacer.wait(5_000_000, RATE).is_none() {
            pacer.sent(1452);
            packets += 1;
        }
        assert!((2..=4).contains(&packets), "{packets}");
    }
}
