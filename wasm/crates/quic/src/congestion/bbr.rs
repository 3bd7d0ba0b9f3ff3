//! BBR: the window follows a model of the path (what it delivers, and how soon), not its losses. After
//! draft-cardwell-iccrg-bbr-congestion-control-00 (version 1), with the delivery rate of
//! draft-cheng-iccrg-delivery-rate-estimation, and the pump's pacer, which leaves no queue standing.
//!
//! quinn-proto's own never leaves its start where the peer's window, not the path, holds it back, and lets the queue grow
//! until then; and it is paced at 5/4 of a window, of two round trips' worth, per round trip.

use std::{any::Any, sync::Arc};

use quinn_proto::{
    RttEstimator,
    congestion::{Controller, ControllerFactory, ControllerMetrics},
};
use web_time::{Duration, Instant};

use super::{INITIAL_WINDOW, delivery::Delivery};

/// 2/ln 2: doubles what is sent each round.
const STARTUP_GAIN: f64 = 2.885;
/// Empties in a round what the start has queued.
const DRAIN_GAIN: f64 = 1.0 / STARTUP_GAIN;
/// Of the pacing rate, one round trip each: looks for more, makes up for it, goes on.
const CYCLE: [f64; 8] = [1.25, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0];
/// Round trips that a part of it may take at most.
const PATIENCE: u32 = 4;
/// Of the window once the path is known: acknowledgements may be late and together.
const WINDOW_GAIN: f64 = 2.0;
/// Growth of the rate by which a round counts as one that found more, and rounds without after which there is no more.
const FULL_GROWTH: f64 = 1.25;
const FULL_ROUNDS: u32 = 3;
/// Rounds for which the highest rate is remembered.
const RATE_ROUNDS: usize = 10;
/// Age at which the shortest round trip is measured again, and how long that takes at least.
const MIN_RTT_AGE: Duration = Duration::from_secs(10);
const PROBE_RTT_TIME: Duration = Duration::from_millis(200);
const LEAST_PACKETS: u64 = 4;

pub(crate) struct BbrFactory;

impl ControllerFactory for BbrFactory {
    fn build(self: Arc<Self>, now: Instant, mtu: u16) -> Box<dyn Controller> {
        Box::new(Bbr::new(now, mtu))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Startup,
    Drain,
    /// The part of [`CYCLE`] and when it began.
    Cruise(usize, Instant),
    /// Until when, once little is in flight.
    ProbeRtt(Option<Instant>),
}

/// The highest of the last [`RATE_ROUNDS`] rounds.
#[derive(Clone, Debug, Default)]
struct Highest {
    rounds: [f64; RATE_ROUNDS],
    at: usize,
}

impl Highest {
    fn next_round(&mut self) {
        self.at = (self.at + 1) % RATE_ROUNDS;
        self.rounds[self.at] = 0.0;
    }

    fn add(&mut self, value: f64) {
        self.rounds[self.at] = self.rounds[self.at].max(value);
    }

    fn get(&self) -> f64 {
        self.rounds.iter().copied().fold(0.0, f64::max)
    }
}

#[derive(Clone, Debug)]
struct Bbr {
    mtu: u64,
    mode: Mode,
    window: u64,

    delivery: Delivery,
    /// Bytes per second.
    rate: Highest,
    /// Bytes that came beyond what the rate explains.
    extra: Highest,
    extra_since: Instant,
    extra_bytes: f64,
    min_rtt: Option<Duration>,
    min_rtt_at: Instant,
    /// The round ends when what is sent now is delivered.
    round_end: u64,
    full_rate: f64,
    full_rounds: u32,
}

impl Bbr {
    fn new(now: Instant, mtu: u16) -> Self {
        Self {
            mtu: mtu.into(),
            mode: Mode::Startup,
            window: INITIAL_WINDOW,
            delivery: Delivery::new(now),
            rate: Highest::default(),
            extra: Highest::default(),
            extra_since: now,
            extra_bytes: 0.0,
            min_rtt: None,
            min_rtt_at: now,
            round_end: 0,
            full_rate: 0.0,
            full_rounds: 0,
        }
    }

    fn is_full(&self) -> bool {
        self.full_rounds >= FULL_ROUNDS
    }

    fn least(&self) -> u64 {
        LEAST_PACKETS * self.mtu
    }

    /// What the path holds, in bytes; `None` before anything was measured.
    fn capacity(&self) -> Option<f64> {
        let rate = self.rate.get();
        self.min_rtt.filter(|_| rate > 0.0).map(|rtt| rate * rtt.as_secs_f64())
    }

    fn measure_rtt(&mut self, now: Instant, rtt: Duration, app_limited: bool) {
        let expired = now.saturating_duration_since(self.min_rtt_at) > MIN_RTT_AGE;
        if expired
            && !app_limited
            && !matches!(self.mode, Mode::ProbeRtt(_))
            && self.min_rtt.is_some_and(|min| rtt > min)
        {
            self.mode = Mode::ProbeRtt(None);
        }
        if expired || self.min_rtt.is_none_or(|min| rtt <= min) {
            self.min_rtt = Some(rtt);
            self.min_rtt_at = now;
        }
    }

    fn measure_extra(&mut self, now: Instant, acked: u64) {
        let rate = self.rate.get();
        let expected = rate * now.saturating_duration_since(self.extra_since).as_secs_f64();
        if self.extra_bytes <= expected {
            self.extra_since = now;
            self.extra_bytes = 0.0;
        }
        let expected = rate * now.saturating_duration_since(self.extra_since).as_secs_f64();
        self.extra_bytes += acked as f64;
        self.extra.add((self.extra_bytes - expected).min(self.window as f64));
    }

    fn look_for_full(&mut self) {
        let rate = self.rate.get();
        if rate >= self.full_rate * FULL_GROWTH {
            self.full_rate = rate;
            self.full_rounds = 0;
        } else {
            self.full_rounds += 1;
        }
    }

    fn advance(&mut self, now: Instant, in_flight: u64, round_ended: bool) {
        let capacity = self.capacity().unwrap_or(f64::MAX);
        match self.mode {
            Mode::Startup if self.is_full() => self.mode = Mode::Drain,
            Mode::Drain if (in_flight as f64) <= capacity => self.mode = Mode::Cruise(2, now),
            Mode::Cruise(part, since) => {
                let (rtt, gain) = (self.min_rtt.unwrap_or_default(), CYCLE[part]);
                let lasted = now.saturating_duration_since(since);
                let reached = match gain {
                    // More takes until more is in flight, which a loss or the peer's window may prevent for ever; less, until
                    // the queue is gone that more has left.
                    gain if gain > 1.0 => lasted > rtt && in_flight as f64 >= gain * capacity,
                    gain if gain < 1.0 => in_flight as f64 <= capacity,
                    _ => lasted > rtt,
                };
                if reached || lasted > PATIENCE * rtt {
                    self.mode = Mode::Cruise((part + 1) % CYCLE.len(), now);
                }
            }
            Mode::ProbeRtt(None) if in_flight <= self.probe_rtt_window() + self.mtu => {
                self.mode = Mode::ProbeRtt(Some(now + PROBE_RTT_TIME));
            }
            Mode::ProbeRtt(Some(end)) if now >= end && round_ended => {
                self.min_rtt_at = now;
                self.mode = if self.is_full() { Mode::Cruise(2, now) } else { Mode::Startup };
            }
            _ => {}
        }
    }

    fn probe_rtt_window(&self) -> u64 {
        self.capacity().map_or(self.least(), |capacity| (capacity / 2.0) as u64).max(self.least())
    }

    fn grow(&mut self, acked: u64) {
        let Some(capacity) = self.capacity() else {
            self.window += acked;
            return;
        };
        let gain = if self.is_full() { WINDOW_GAIN } else { STARTUP_GAIN };
        let target = ((gain * capacity + self.extra.get()) as u64).max(self.least());
        if self.is_full() {
            self.window = target.min(self.window + acked);
        } else if self.window < target {
            self.window += acked;
        }
    }
}

impl Controller for Bbr {
    fn on_sent(&mut self, now: Instant, _bytes: u64, _last_packet_number: u64) {
        self.delivery.sent(now);
    }

    fn on_ack(&mut self, now: Instant, sent: Instant, bytes: u64, _app_limited: bool, _rtt: &RttEstimator) {
        self.delivery.acknowledge(now, sent, bytes);
    }

    fn on_end_acks(&mut self, now: Instant, in_flight: u64, app_limited: bool, _largest_packet_num_acked: Option<u64>) {
        let (newest, acked) = self.delivery.end_batch(in_flight);
        let mut round_ended = false;
        if let Some(newest) = newest {
            self.measure_rtt(now, now.saturating_duration_since(newest.sent), app_limited);
            round_ended = newest.delivered >= self.round_end;
            if round_ended {
                self.round_end = self.delivery.delivered;
                self.extra.next_round();
                if !app_limited {
                    self.rate.next_round();
                }
            }
            if let Some(rate) = self.delivery.rate(now, newest, self.min_rtt.unwrap_or_default())
                && (!app_limited || rate > self.rate.get())
            {
                self.rate.add(rate);
            }
            if round_ended && !app_limited && !self.is_full() {
                self.look_for_full();
            }
        }
        if acked > 0 {
            self.measure_extra(now, acked);
        }
        self.advance(now, in_flight, round_ended);
        if !matches!(self.mode, Mode::ProbeRtt(_)) {
            self.grow(acked);
        }
    }

    fn on_congestion_event(&mut self, _now: Instant, _sent: Instant, is_persistent_congestion: bool, _lost_bytes: u64) {
        if is_persistent_congestion {
            self.window = self.least();
        }
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.mtu = new_mtu.into();
        self.window = self.window.max(self.least());
    }

    fn window(&self) -> u64 {
        if matches!(self.mode, Mode::ProbeRtt(_)) {
            return self.window.min(self.probe_rtt_window());
        }
        self.window
    }

    fn metrics(&self) -> ControllerMetrics {
        let gain = match self.mode {
            Mode::Startup => STARTUP_GAIN,
            Mode::Drain => DRAIN_GAIN,
            Mode::Cruise(part, _) => CYCLE[part],
            Mode::ProbeRtt(_) => 1.0,
        };
        let rate = self.rate.get() * gain;
        let mut metrics = ControllerMetrics::default();
        metrics.congestion_window = self.window();
        metrics.pacing_rate = (rate > 0.0).then_some((rate * 8.0) as u64);
        metrics
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }

    fn initial_window(&self) -> u64 {
        INITIAL_WINDOW
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const MTU: u64 = 1250;
    /// Packets per millisecond: 10 Mbit/s.
    const RATE: u64 = 1;
    const RTT_MILLIS: u64 = 20;
    /// What the path holds, in packets.
    const CAPACITY: u64 = RATE * RTT_MILLIS;

    /// A path in steps of a millisecond, and an application with enough to send; acknowledgements come for each packet.
    struct Path {
        bbr: Bbr,
        start: Instant,
        millis: u64,
        /// When each packet under way left and is acknowledged, in ms.
        under_way: VecDeque<(u64, u64)>,
        free_at: u64,
        budget: f64,
        acknowledged: u64,
    }

    impl Path {
        fn new() -> Self {
            let start = Instant::now();
            let bbr = Bbr::new(start, MTU as u16);
            Self { bbr, start, millis: 0, under_way: VecDeque::new(), free_at: 0, budget: 0.0, acknowledged: 0 }
        }

        fn at(&self, millis: u64) -> Instant {
            self.start + Duration::from_millis(millis)
        }

        /// Packets that wait, on average; `limit` is what the peer's window allows to be in flight.
        fn run(&mut self, millis: u64, limit: u64, app_limited: bool) -> u64 {
            let mut waiting = 0;
            for _ in 0..millis {
                self.millis += 1;
                let now = self.at(self.millis);
                let before = self.under_way.len();
                while let Some(&(sent, back)) = self.under_way.front()
                    && back <= self.millis
                {
                    self.under_way.pop_front();
                    self.bbr.delivery.acknowledge(now, self.at(sent), MTU);
                    self.acknowledged += 1;
                }
                if self.under_way.len() < before {
                    self.bbr.on_end_acks(now, self.under_way.len() as u64 * MTU, app_limited, None);
                }
                let rate = self.bbr.metrics().pacing_rate.map_or(f64::MAX, |bits| bits as f64 / 8000.0);
                self.budget = (self.budget + rate).min(rate.min(1e9) * 3.0);
                while self.budget > 0.0 && (self.under_way.len() as u64) < limit.min(self.bbr.window() / MTU) {
                    self.budget -= MTU as f64;
                    self.bbr.on_sent(now, MTU, 0);
                    self.free_at = self.free_at.max(self.millis) + 1 / RATE;
                    self.under_way.push_back((self.millis, self.free_at + RTT_MILLIS));
                }
                waiting += self.free_at.saturating_sub(self.millis) * RATE;
            }
            waiting / millis
        }
    }

    #[test]
    fn the_path_is_used_and_no_queue_stands() {
        let mut path = Path::new();
        path.run(1000, u64::MAX, false);
        let before = path.acknowledged;
        let waiting = path.run(5000, u64::MAX, false);
        assert!(waiting < CAPACITY / 2, "{waiting} packets wait");
        assert!(path.acknowledged - before > 5000 * RATE * 95 / 100, "{}", path.acknowledged - before);
    }

    #[test]
    fn where_the_peers_window_is_the_limit_the_start_queues_no_more_than_its_gain() {
        let mut path = Path::new();
        let waiting = path.run(3000, 1000, true);
        assert!(waiting < 3 * CAPACITY, "{waiting} packets wait");
    }

    #[test]
    fn losses_of_a_long_time_empty_the_window_and_it_comes_back() {
        let mut path = Path::new();
        path.run(2000, u64::MAX, false);
        let now = path.at(path.millis);
        path.bbr.on_congestion_event(now, now, true, MTU);
        assert_eq!(path.bbr.window(), LEAST_PACKETS * MTU);
        path.run(1000, u64::MAX, false);
        assert!(path.bbr.window() > CAPACITY * MTU, "{}", path.bbr.window());
    }
}
