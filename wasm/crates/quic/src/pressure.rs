//! Memory pressure: what the engine does as its memory fills, so that it is never full.
//!
//! Every connection has its bounds (windows, queues), but thousands of them together may be allowed more than there is.
//! So the host tells before each batch and each pump how many bytes are in use, and by parts of the budget:
//!
//! - above `PRESSED` every connection's windows are lowered to a floor, and clients must prove their address; below
//!   `RELIEVED` it is as it was;
//! - above `SHORT` no connection is opened or accepted;
//! - above `CRITICAL` nothing that could make it grow goes on: no new data is bound, no packet but small ones (they hold
//!   acknowledgements, which free memory) is taken, and the connections to blame are closed one after the other.

use quinn_proto::VarInt;

use crate::{
    ClosedBy,
    connection::{Connection, Phase},
    instance::Instance,
};

/// Percent of the budget.
const RELIEVED: usize = 50;
const PRESSED: usize = 65;
const SHORT: usize = 80;
const CRITICAL: usize = 90;
/// What a connection takes once it is up, before any data.
const CONNECTION_BYTES: usize = 48 << 10;
/// Windows under pressure: some 5 Mbit/s at a round trip of 50 ms.
const FLOOR_BYTES: u64 = 32 << 10;
/// Longest packet taken while memory is critical: an ACK frame with dozens of ranges fits.
const SMALL_PACKET: usize = 256;
/// Between two closings, in microseconds: what the first one gave back may be enough.
const CLOSE_EVERY: u64 = 10_000;
/// What the peer is told.
const REASON: &[u8] = b"Out of memory; this connection held most of it.";

/// How full memory is and what was done about it, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryStats {
    /// What the engine keeps to.
    pub budget_bytes: usize,
    /// Windows are lowered now.
    pub pressed: bool,
    /// How often they were lowered.
    pub presses: u64,
    /// Connections closed.
    pub closed_connections: u64,
    /// Packets not taken.
    pub dropped_packets: u64,
}

pub(crate) struct Pressure {
    pub(crate) stats: MemoryStats,
    /// At the last look, with what was accepted since.
    in_use: usize,
    pub(crate) critical: bool,
    next_close: u64,
}

impl Pressure {
    pub(crate) fn new(budget_bytes: usize) -> Self {
        let stats = MemoryStats { budget_bytes, ..MemoryStats::default() };
        Self { stats, in_use: 0, critical: false, next_close: 0 }
    }

    fn mark(&self, percent: usize) -> usize {
        self.stats.budget_bytes / 100 * percent
    }

    /// No room for a new connection.
    pub(crate) fn is_short(&self) -> bool {
        self.in_use > self.mark(SHORT)
    }

    /// One was opened or accepted: a batch of packets may bring hundreds.
    pub(crate) fn adopted(&mut self) {
        self.in_use += CONNECTION_BYTES;
    }
}

impl Instance {
    /// How full memory is and what was done about it.
    pub fn memory_stats(&self) -> MemoryStats {
        self.pressure.stats
    }

    /// Another budget, from the next [`Instance::note_memory`] on.
    pub fn set_memory_budget(&mut self, bytes: usize) {
        self.pressure.stats.budget_bytes = bytes;
    }

    /// Takes note of the bytes in use; to be called before a batch of packets and before a pump. Costs some comparisons
    /// unless a mark was passed.
    pub fn note_memory(&mut self, in_use: usize, now: u64) {
        let pressure = &mut self.pressure;
        pressure.in_use = in_use;
        let (relieved, pressed) = (in_use < pressure.mark(RELIEVED), in_use > pressure.mark(PRESSED));
        let critical = in_use > pressure.mark(CRITICAL);
        if std::mem::replace(&mut self.pressure.critical, critical) && !critical {
            self.each_connection(|engine, handle| engine.touch(handle));
        }
        if pressed && !self.pressure.stats.pressed {
            self.pressure.stats.pressed = true;
            self.pressure.stats.presses += 1;
            self.each_connection(Self::set_windows);
        } else if relieved && self.pressure.stats.pressed {
            self.pressure.stats.pressed = false;
            self.each_connection(Self::set_windows);
        }
        if critical && now >= self.pressure.next_close {
            self.pressure.next_close = now + CLOSE_EVERY;
            self.close_fattest(now);
        }
    }

    /// Whether a packet is left out because memory is critical.
    pub(crate) fn sheds(&mut self, packet_bytes: usize) -> bool {
        let sheds = self.pressure.critical && packet_bytes > SMALL_PACKET;
        self.pressure.stats.dropped_packets += u64::from(sheds);
        sheds
    }

    /// Gives a connection the windows of the present: its own, or the floor.
    pub(crate) fn set_windows(&mut self, handle: u32) {
        let pressed = self.pressure.stats.pressed;
        let Some(connection) = self.connections.get_mut(handle) else { return };
        let bounded = |window: u64| if pressed { window.min(FLOOR_BYTES) } else { window };
        connection.quic.set_send_window(bounded(connection.settings.send_window));
        if let Ok(window) = VarInt::from_u64(bounded(connection.receive_window)) {
            connection.quic.set_receive_window(window);
        }
        if pressed {
            connection.received_at_press = connection.undelivered();
        } else {
            // Streams that the send window held back are told by the next poll.
            self.touch(handle);
        }
    }

    fn each_connection(&mut self, mut what: impl FnMut(&mut Self, u32)) {
        let handles: Vec<u32> = self.connections.handles().collect();
        for handle in handles {
            what(self, handle);
        }
    }

    /// Closes the connection to blame most.
    fn close_fattest(&mut self, now: u64) {
        let open = self.connections.handles().filter_map(|handle| {
            let connection = self.connections.get(handle).filter(|connection| connection.phase != Phase::Closed)?;
            Some((connection.blame(now), handle))
        });
        let Some((_, handle)) = open.max() else { return };
        self.pressure.stats.closed_connections += 1;
        self.expel(handle, ClosedBy::Memory, REASON, now);
    }
}

impl Connection {
    /// Estimate of the bytes held for the peer, weighed with the milliseconds of its silence: who takes and acknowledges
    /// what it asked for is the last to go. Sent bytes count until their stream is acknowledged as a whole; of received
    /// ones those since memory got short.
    fn blame(&self, now: u64) -> u64 {
        let sent = self.unfinished.min(self.settings.send_window);
        let received = self.undelivered().saturating_sub(self.received_at_press);
        (sent + received + self.gaps.kept_bytes()).saturating_mul(1 + now.saturating_sub(self.heard) / 1000)
    }

    /// Bytes that came and were not delivered; frame and packet headers, duplicates and acknowledgements count too.
    fn undelivered(&self) -> u64 {
        self.quic.stats().udp_rx.bytes.saturating_sub(self.delivered)
    }
}
