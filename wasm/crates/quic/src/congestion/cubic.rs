//! CUBIC (RFC 9438) over QUIC's loss detection (RFC 9002). Windows are in bytes; those that CUBIC's curve is drawn in, in
//! packets of the path's MTU, as its constants want it.
//!
//! quinn-proto's own follows RFC 8312: without the steeper growth above the window before the loss (RFC 9438 section 4.3),
//! which is worth a tenth of the rate at 2 % loss; and where all packets of some time are lost, it takes each batch of them
//! that is noticed for a further reason to halve, so that a path which is dark now and then ends at the least window.

use std::{any::Any, sync::Arc};

use quinn_proto::{
    RttEstimator,
    congestion::{Controller, ControllerFactory, ControllerMetrics},
};
use web_time::Instant;

use super::INITIAL_WINDOW;

/// What is left of the window after a loss (RFC 9438 section 4.6).
const BETA: f64 = 0.7;
/// The same after a mark: it comes from a queue that is managed, and shorter than one that overflows (RFC 8511).
const BETA_ECN: f64 = 0.85;
/// Packets per second³ (RFC 9438 section 5.1).
const C: f64 = 0.4;
/// Growth per round trip that is as fast as Reno's, with BETA (RFC 9438 section 4.3).
const RENO_ALPHA: f64 = 3.0 * (1.0 - BETA) / (1.0 + BETA);
/// Most growth in one round trip (RFC 9438 section 4.2).
const STEEPEST: f64 = 1.5;
/// RFC 9002 section 7.2.
const LEAST_PACKETS: f64 = 2.0;

pub(crate) struct CubicFactory;

impl ControllerFactory for CubicFactory {
    fn build(self: Arc<Self>, _now: Instant, mtu: u16) -> Box<dyn Controller> {
        Box::new(Cubic::new(mtu))
    }
}

#[derive(Clone, Debug)]
struct Cubic {
    mtu: f64,
    window: f64,
    slow_start_threshold: f64,
    /// Losses of what was sent before have been answered.
    recovery_start: Option<Instant>,
    /// They took so long that the window fell to its least.
    collapsed: bool,
    /// Where the curve has its plateau.
    plateau: f64,
    /// Before the last reduction.
    prior: f64,
    /// Growth since slow start or a loss ended.
    epoch: Option<Epoch>,
}

#[derive(Clone, Debug)]
struct Epoch {
    start: Instant,
    /// Seconds until the plateau is reached.
    k: f64,
    /// What Reno would have.
    reno: f64,
}

impl Cubic {
    fn new(mtu: u16) -> Self {
        Self {
            mtu: mtu.into(),
            window: INITIAL_WINDOW as f64,
            slow_start_threshold: f64::INFINITY,
            recovery_start: None,
            collapsed: false,
            plateau: 0.0,
            prior: 0.0,
            epoch: None,
        }
    }

    fn least(&self) -> f64 {
        LEAST_PACKETS * self.mtu
    }

    fn is_answered(&self, sent: Instant) -> bool {
        self.recovery_start.is_some_and(|start| sent <= start)
    }

    /// Congestion avoidance, at the acknowledgement of so many bytes.
    fn avoid(&mut self, now: Instant, bytes: f64, rtt: f64) {
        if self.epoch.is_none() {
            self.plateau = self.plateau.max(self.window);
            let missing = (self.plateau - self.window) / self.mtu;
            self.epoch = Some(Epoch { start: now, k: (missing / C).cbrt(), reno: self.window });
        }
        let (plateau, mtu, window) = (self.plateau, self.mtu, self.window);
        let Some(Epoch { start, k, reno }) = &mut self.epoch else { return };
        let curve = |seconds: f64| C * (seconds - *k).powi(3) * mtu + plateau;
        let seconds = now.saturating_duration_since(*start).as_secs_f64();
        let alpha = if *reno < self.prior { RENO_ALPHA } else { 1.0 };
        *reno += alpha * mtu * bytes / window;
        self.window = if curve(seconds) < *reno {
            window.max(*reno)
        } else {
            let target = curve(seconds + rtt).clamp(window, STEEPEST * window);
            window + (target - window) * bytes / window
        };
    }
}

impl Controller for Cubic {
    fn on_ack(&mut self, now: Instant, sent: Instant, bytes: u64, app_limited: bool, rtt: &RttEstimator) {
        if app_limited || self.is_answered(sent) {
            return;
        }
        if self.window < self.slow_start_threshold {
            self.window += bytes as f64;
        } else {
            self.avoid(now, bytes as f64, rtt.get().as_secs_f64());
        }
    }

    fn on_congestion_event(&mut self, now: Instant, sent: Instant, is_persistent_congestion: bool, lost_bytes: u64) {
        if !self.is_answered(sent) {
            self.recovery_start = Some(now);
            self.collapsed = false;
            self.prior = self.window;
            // Fast convergence (RFC 9438 section 4.7): room for others where there is less for us than before.
            self.plateau = if self.window < self.plateau { self.window * (1.0 + BETA) / 2.0 } else { self.window };
            let beta = if lost_bytes == 0 { BETA_ECN } else { BETA };
            self.slow_start_threshold = (self.window * beta).max(self.least());
            self.window = self.slow_start_threshold;
            self.epoch = None;
        }
        if is_persistent_congestion && !self.collapsed {
            // RFC 9002 section 7.6.2, RFC 9438 section 4.8: slow start, and then a curve that begins at its plateau.
            self.collapsed = true;
            self.window = self.least();
            self.plateau = 0.0;
            self.prior = 0.0;
            self.epoch = None;
        }
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.mtu = new_mtu.into();
        self.window = self.window.max(self.least());
    }

    fn window(&self) -> u64 {
        self.window as u64
    }

    fn metrics(&self) -> ControllerMetrics {
        let mut metrics = ControllerMetrics::default();
        metrics.congestion_window = self.window();
        metrics.ssthresh =
            Some(if self.slow_start_threshold.is_finite() { self.slow_start_threshold as u64 } else { u64::MAX });
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
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;
    use web_time::Duration;

    const MTU: u16 = 1200;
    const PACKETS: f64 = 1200.0;

    fn at_window(packets: f64) -> (Cubic, Instant) {
        (Cubic { window: packets * PACKETS, ..Cubic::new(MTU) }, Instant::now())
    }

    /// Acknowledges whole windows, one per round trip of so many seconds.
    fn rounds(cubic: &mut Cubic, from: Instant, count: u32, rtt: f64) -> Instant {
        let mut now = from;
        for _ in 0..count {
            now += Duration::from_secs_f64(rtt);
            for _ in 0..(cubic.window / PACKETS) as u32 {
                cubic.avoid(now, PACKETS, rtt);
            }
        }
        now
    }

    #[test]
    fn what_was_sent_before_a_loss_was_answered_is_no_further_reason() {
        let (mut cubic, start) = at_window(100.0);
        let later = |millis| start + Duration::from_millis(millis);
        cubic.on_congestion_event(later(10), start, false, 1200);
        assert_eq!(cubic.window(), 84_000);
        cubic.on_congestion_event(later(20), later(10), false, 1200);
        assert_eq!(cubic.window(), 84_000);
        cubic.on_congestion_event(later(30), later(11), false, 1200);
        assert!((58_799..=58_800).contains(&cubic.window()));
    }

    #[test]
    fn a_mark_costs_less_than_a_loss() {
        let (mut cubic, start) = at_window(100.0);
        cubic.on_congestion_event(start, start, false, 0);
        assert_eq!(cubic.window(), 102_000);
    }

    #[test]
    fn losses_of_a_long_time_empty_the_window_once_and_leave_the_threshold_of_one_loss() {
        let (mut cubic, start) = at_window(100.0);
        let later = |millis| start + Duration::from_millis(millis);
        cubic.on_congestion_event(later(1000), later(10), true, 1200);
        assert_eq!(cubic.window(), 2400);
        cubic.window = 10.0 * PACKETS;
        cubic.on_congestion_event(later(1001), later(900), true, 1200);
        assert_eq!((cubic.window(), cubic.slow_start_threshold as u64), (12_000, 84_000));
    }

    #[test]
    fn the_window_comes_back_to_where_it_was_lost_and_goes_on() {
        let (mut cubic, start) = at_window(100.0);
        cubic.on_congestion_event(start, start, false, 1200);
        // Four seconds, in round trips so long that Reno grows by less.
        let (k, rtt) = ((100.0 * (1.0 - BETA) / C).cbrt(), 0.4);
        let rounds_to_plateau = (k / rtt) as u32;
        let now = rounds(&mut cubic, start, rounds_to_plateau, rtt);
        assert!((95.0..=101.0).contains(&(cubic.window / PACKETS)), "{}", cubic.window / PACKETS);
        rounds(&mut cubic, now, rounds_to_plateau, rtt);
        assert!(cubic.window / PACKETS > 115.0, "{}", cubic.window / PACKETS);
    }

    #[test]
    fn small_windows_grow_as_renos_do_and_above_the_window_before_by_a_packet_per_round() {
        let (mut cubic, start) = at_window(10.0);
        cubic.on_congestion_event(start, start, false, 1200);
        let now = rounds(&mut cubic, start, 5, 0.05);
        assert!((9.0..=10.2).contains(&(cubic.window / PACKETS)), "{}", cubic.window / PACKETS);
        let now = rounds(&mut cubic, now, 2, 0.05);
        let before = cubic.window / PACKETS;
        rounds(&mut cubic, now, 5, 0.05);
        let grown = cubic.window / PACKETS - before;
        assert!((4.0..=5.5).contains(&grown), "{grown}");
    }
}
