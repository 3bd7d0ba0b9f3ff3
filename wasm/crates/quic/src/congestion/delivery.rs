//! How fast packets are delivered: the delivery rate of draft-cheng-iccrg-delivery-rate-estimation, over the moments at which
//! packets left, since a controller is told no packet numbers.

use std::collections::VecDeque;

use web_time::{Duration, Instant};

/// Moments that are remembered: more than a round trip has turns.
const MAX_MOMENTS: usize = 4096;

/// What had been delivered when packets left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) sent: Instant,
    pub(super) delivered: u64,
    delivered_at: Instant,
    /// When the first packet of the flight left that `delivered_at` ends.
    first_sent: Instant,
}

#[derive(Clone, Debug)]
pub(super) struct Delivery {
    /// Bytes acknowledged.
    pub(super) delivered: u64,
    delivered_at: Instant,
    first_sent: Instant,
    moments: VecDeque<Moment>,
    /// Of the newest packet in this batch of acknowledgements.
    newest: Option<Moment>,
    /// Bytes of the batch.
    acked: u64,
    /// Nothing is in flight.
    idle: bool,
}

impl Delivery {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            delivered: 0,
            delivered_at: now,
            first_sent: now,
            moments: VecDeque::new(),
            newest: None,
            acked: 0,
            idle: true,
        }
    }

    pub(super) fn sent(&mut self, now: Instant) {
        if self.idle {
            self.idle = false;
            self.first_sent = now;
            self.delivered_at = now;
        }
        if self.moments.back().is_some_and(|last| last.sent == now) {
            return;
        }
        if self.moments.len() >= MAX_MOMENTS {
            self.moments.pop_front();
        }
        let (delivered, delivered_at, first_sent) = (self.delivered, self.delivered_at, self.first_sent);
        self.moments.push_back(Moment { sent: now, delivered, delivered_at, first_sent });
    }

    pub(super) fn acknowledge(&mut self, now: Instant, sent: Instant, bytes: u64) {
        self.delivered += bytes;
        self.delivered_at = now;
        self.acked += bytes;
        if self.newest.is_none_or(|newest| sent > newest.sent)
            && let Ok(index) = self.moments.binary_search_by_key(&sent, |moment| moment.sent)
        {
            self.newest = Some(self.moments[index]);
            self.moments.drain(..index);
        }
    }

    /// Ends a batch: its newest packet's moment, if it is not older than those before, and its bytes.
    pub(super) fn end_batch(&mut self, in_flight: u64) -> (Option<Moment>, u64) {
        self.idle = in_flight == 0;
        (self.newest.take(), std::mem::take(&mut self.acked))
    }

    /// Bytes per second of the flight that ended with the acknowledgement of `newest`; `None` when it took less than
    /// `least`, a round trip: then acknowledgements were squeezed together.
    pub(super) fn rate(&mut self, now: Instant, newest: Moment, least: Duration) -> Option<f64> {
        let sending = newest.sent.saturating_duration_since(newest.first_sent);
        let delivering = now.saturating_duration_since(newest.delivered_at);
        self.first_sent = newest.sent;
        let interval = sending.max(delivering);
        let bytes = (self.delivered - newest.delivered) as f64;
        (interval >= least && !interval.is_zero()).then(|| bytes / interval.as_secs_f64())
    }
}
