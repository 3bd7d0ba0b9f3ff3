//! Time comes from the host as microseconds; quinn-proto wants `Instant`s and rustls a wall clock.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use quinn_proto::TimeSource;
use rustls::{pki_types::UnixTime, time_provider::TimeProvider};
use web_time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Maps the host's microseconds to instants. The origin is the only clock reading of the engine, and its value is
/// never seen: only differences are.
pub(crate) struct Clock {
    origin: Instant,
    start: u64,
    wall: Arc<WallClock>,
}

impl Clock {
    pub(crate) fn new(start: u64, wall_millis: u64) -> Self {
        // A day of headroom, because quinn-proto subtracts intervals from instants.
        let origin = Instant::now() + Duration::from_secs(86_400);
        let wall = WallClock { base: wall_millis, start, elapsed: AtomicU64::new(0) };
        Self { origin, start, wall: Arc::new(wall) }
    }

    /// The instant of a host time; one before the start counts as the start.
    pub(crate) fn instant(&self, now: u64) -> Instant {
        self.origin + Duration::from_micros(now.saturating_sub(self.start))
    }

    /// The first host time at which an instant has come: rounded down, a timer would be called before it is due.
    pub(crate) fn micros(&self, instant: Instant) -> u64 {
        let since = instant.saturating_duration_since(self.origin);
        // Not by as_nanos: its 128 bits are divided by a loop in wasm.
        self.start + since.as_secs() * 1_000_000 + u64::from(since.subsec_nanos().div_ceil(1000))
    }

    /// Moves the wall clock along; called wherever time enters the engine.
    pub(crate) fn tick(&self, now: u64) {
        self.wall.elapsed.store(now.saturating_sub(self.start), Ordering::Relaxed);
    }

    pub(crate) fn wall(&self) -> Arc<WallClock> {
        self.wall.clone()
    }
}

/// The wall clock of certificates and tokens: the host's at the start, moved on by the host's monotonic time.
#[derive(Debug)]
pub(crate) struct WallClock {
    base: u64,
    /// The host's microseconds at the start, and those since.
    start: u64,
    elapsed: AtomicU64,
}

impl WallClock {
    pub(crate) fn since_epoch(&self) -> Duration {
        Duration::from_millis(self.base + self.elapsed.load(Ordering::Relaxed) / 1000)
    }

    /// The host's microseconds when time last moved.
    pub(crate) fn micros(&self) -> u64 {
        self.start + self.elapsed.load(Ordering::Relaxed)
    }
}

impl TimeProvider for WallClock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(self.since_epoch()))
    }
}

impl TimeSource for WallClock {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + self.since_epoch()
    }
}
