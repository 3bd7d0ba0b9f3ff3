//! A congestion controller that tells what it learns: the numbers of RFC 9002, appendix B.

use std::{any::Any, sync::Arc};

use quinn_proto::{
    RttEstimator,
    congestion::{Controller, ControllerFactory, ControllerMetrics},
};
use web_time::{Duration, Instant};

use super::{Observer, Trace, observer::Kind};

/// Makes observed controllers of another factory's.
pub(crate) struct ObservedFactory {
    pub(crate) inner: Arc<dyn ControllerFactory + Send + Sync>,
    pub(crate) observer: Arc<Observer>,
}

impl ControllerFactory for ObservedFactory {
    fn build(self: Arc<Self>, now: Instant, current_mtu: u16) -> Box<dyn Controller> {
        Box::new(Observed {
            inner: self.inner.clone().build(now, current_mtu),
            trace: self.observer.current(),
            in_flight: 0,
            rtt: None,
            latest: Duration::ZERO,
        })
    }
}

struct Observed {
    inner: Box<dyn Controller>,
    trace: Trace,
    /// Bytes; exact after every batch of acknowledgements, and an estimate in between.
    in_flight: u64,
    rtt: Option<RttEstimator>,
    latest: Duration,
}

impl Observed {
    fn tell(&self) {
        let metrics = self.inner.metrics();
        let micros = |duration: Duration| duration.as_micros() as f64;
        let numbers = [
            metrics.congestion_window as f64,
            self.in_flight as f64,
            metrics.ssthresh.filter(|&bytes| bytes < u64::MAX).map_or(-1.0, |bytes| bytes as f64),
            self.rtt.as_ref().map_or(-1.0, |rtt| micros(rtt.get())),
            self.rtt.as_ref().map_or(-1.0, |rtt| micros(rtt.min())),
            self.rtt.as_ref().map_or(-1.0, |_| micros(self.latest)),
        ];
        let mut bytes = [0; 48];
        for (field, number) in bytes.chunks_exact_mut(8).zip(numbers) {
            field.copy_from_slice(&number.to_le_bytes());
        }
        self.trace.record(Kind::Metrics, &[&bytes]);
    }
}

impl Controller for Observed {
    fn on_sent(&mut self, now: Instant, bytes: u64, last_packet_number: u64) {
        self.inner.on_sent(now, bytes, last_packet_number);
        self.in_flight += bytes;
    }

    fn on_ack(&mut self, now: Instant, sent: Instant, bytes: u64, app_limited: bool, rtt: &RttEstimator) {
        self.inner.on_ack(now, sent, bytes, app_limited, rtt);
        self.rtt = Some(*rtt);
        self.latest = now.saturating_duration_since(sent);
    }

    fn on_end_acks(&mut self, now: Instant, in_flight: u64, app_limited: bool, largest_packet_num_acked: Option<u64>) {
        self.inner.on_end_acks(now, in_flight, app_limited, largest_packet_num_acked);
        self.in_flight = in_flight;
        self.tell();
    }

    fn on_congestion_event(&mut self, now: Instant, sent: Instant, is_persistent_congestion: bool, lost_bytes: u64) {
        self.inner.on_congestion_event(now, sent, is_persistent_congestion, lost_bytes);
        self.in_flight = self.in_flight.saturating_sub(lost_bytes);
        let kind: u32 = match (is_persistent_congestion, lost_bytes) {
            (true, _) => 1,
            (false, 0) => 2,
            (false, _) => 0,
        };
        self.trace.record(Kind::Congestion, &[&kind.to_le_bytes()]);
        self.tell();
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.inner.on_mtu_update(new_mtu);
        self.trace.record(Kind::Mtu, &[&u32::from(new_mtu).to_le_bytes()]);
    }

    fn window(&self) -> u64 {
        self.inner.window()
    }

    fn metrics(&self) -> ControllerMetrics {
        self.inner.metrics()
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(Self {
            inner: self.inner.clone_box(),
            trace: self.trace.clone(),
            in_flight: self.in_flight,
            rtt: self.rtt,
            latest: self.latest,
        })
    }

    fn initial_window(&self) -> u64 {
        self.inner.initial_window()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self.inner.into_any()
    }
}
