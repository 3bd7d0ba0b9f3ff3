//! What the engine and a connection's congestion controller tell each other past quinn-proto, which stands between them.

use std::{
    any::Any,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

use quinn_proto::{
    Connection, RttEstimator,
    congestion::{Controller, ControllerFactory, ControllerMetrics},
};
use web_time::Instant;

/// Room for a probe, in packets: quinn-proto asks for a whole one.
const PROBE_PACKETS: u64 = 2;

/// Shared by a controller and its connection. One thread uses both; atomics because quinn-proto wants controllers that could
/// be sent to another.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    in_flight: AtomicU64,
    probe: AtomicBool,
    /// Bytes per second; 0: none is named.
    rate: AtomicU64,
    paced: AtomicBool,
}

impl Signals {
    /// Those of the path a connection uses now.
    pub(crate) fn of(connection: &Connection) -> Arc<Self> {
        let controller = connection.congestion_state().clone_box().into_any().downcast::<GuidedController>();
        controller.map(|controller| controller.signals.clone()).unwrap_or_default()
    }

    /// Bytes sent and neither acknowledged nor lost, as far as the controller can tell.
    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight.load(Relaxed)
    }

    /// Bytes per second that new data should leave at; `None`: quinn-proto's pacer does what is needed.
    pub(crate) fn rate(&self) -> Option<u64> {
        Some(self.rate.load(Relaxed)).filter(|&rate| rate > 0)
    }

    /// Whether the rate holds data back: quinn-proto, which gets none to send, believes that the application has none.
    pub(crate) fn set_paced(&self, paced: bool) {
        self.paced.store(paced, Relaxed);
    }

    fn is_app_limited(&self, believed: bool) -> bool {
        believed && !self.paced.load(Relaxed)
    }

    /// Lets one packet through although the window is full.
    pub(crate) fn allow_probe(&self) {
        self.probe.store(true, Relaxed);
    }
}

/// Makes guided controllers of another factory's.
pub(crate) struct Guided(Arc<dyn ControllerFactory + Send + Sync>);

impl Guided {
    pub(crate) fn over(inner: Arc<dyn ControllerFactory + Send + Sync>) -> Self {
        Self(inner)
    }
}

impl ControllerFactory for Guided {
    fn build(self: Arc<Self>, now: Instant, mtu: u16) -> Box<dyn Controller> {
        let inner = self.0.clone().build(now, mtu);
        Box::new(GuidedController { inner, signals: Arc::default(), mtu: mtu.into() })
    }
}

struct GuidedController {
    inner: Box<dyn Controller>,
    signals: Arc<Signals>,
    mtu: u64,
}

impl Controller for GuidedController {
    fn on_sent(&mut self, now: Instant, bytes: u64, last_packet_number: u64) {
        self.inner.on_sent(now, bytes, last_packet_number);
        self.signals.in_flight.fetch_add(bytes, Relaxed);
        self.signals.probe.store(false, Relaxed);
    }

    fn on_ack(&mut self, now: Instant, sent: Instant, bytes: u64, app_limited: bool, rtt: &RttEstimator) {
        self.inner.on_ack(now, sent, bytes, self.signals.is_app_limited(app_limited), rtt);
    }

    fn on_end_acks(&mut self, now: Instant, in_flight: u64, app_limited: bool, largest_packet_num_acked: Option<u64>) {
        self.signals.in_flight.store(in_flight, Relaxed);
        let app_limited = self.signals.is_app_limited(app_limited);
        self.inner.on_end_acks(now, in_flight, app_limited, largest_packet_num_acked);
        let rate = self.inner.metrics().pacing_rate.unwrap_or(0) / 8;
        self.signals.rate.store(rate, Relaxed);
    }

    fn on_congestion_event(&mut self, now: Instant, sent: Instant, is_persistent_congestion: bool, lost_bytes: u64) {
        let left = self.signals.in_flight().saturating_sub(lost_bytes);
        self.signals.in_flight.store(left, Relaxed);
        self.inner.on_congestion_event(now, sent, is_persistent_congestion, lost_bytes);
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.mtu = new_mtu.into();
        self.inner.on_mtu_update(new_mtu);
    }

    fn window(&self) -> u64 {
        let window = self.inner.window();
        if self.signals.probe.load(Relaxed) {
            return window.max(self.signals.in_flight() + PROBE_PACKETS * self.mtu);
        }
        window
    }

    fn metrics(&self) -> ControllerMetrics {
        self.inner.metrics()
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(Self { inner: self.inner.clone_box(), signals: self.signals.clone(), mtu: self.mtu })
    }

    fn initial_window(&self) -> u64 {
        self.inner.initial_window()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}
