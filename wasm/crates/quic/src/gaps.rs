//! STREAM frames that wait for earlier ones. quinn-proto keeps an entry for each, however few bytes it has, and bounds them
//! by stream (RFC 9000 section 21.10): a peer with gaps on every stream could still make it keep some 100 KiB for each.
//!
//! What it keeps is not to be seen, only how many frames came and what was delivered. Frames that came and were not
//! delivered are as many as wait or more: duplicates are dropped unseen, and small neighbours are merged. So delivery
//! forgives more than it takes, and a count above the limit is believed only if that many can wait.

use crate::{ClosedBy, connection::Phase, instance::Instance, stream::Receiving};

/// Frames that may wait on a connection, and bytes of its window for each further one.
const MOST_WAITING: u64 = 32 << 10;
const BYTES_PER_FRAME: u64 = 512;
/// quinn-proto merges a stream's frames above so many, and ends the connection if half as many are left.
const STREAM_WAITING: u64 = 2048;
/// An entry of quinn-proto's.
const ENTRY_BYTES: u64 = 56;
/// Delivered bytes that forgive one frame: merged ones come in fewer pieces than they arrived in.
const FORGIVING_BYTES: u64 = 64;

const REASON: &[u8] = b"too many gaps in the streams of this connection";

/// A connection's count.
#[derive(Default)]
pub(crate) struct Gaps {
    /// Frames received in all.
    frames: u64,
    waiting: u64,
    most: u64,
    /// Delivered bytes that have not forgiven a frame yet.
    bytes: u64,
}

impl Gaps {
    /// Takes the connection's total of received frames.
    fn received(&mut self, frames: u64) {
        self.waiting += frames - self.frames;
        self.frames = frames;
    }

    /// Takes what one look at a stream has delivered.
    pub(crate) fn delivered(&mut self, chunks: u64, bytes: u64) {
        self.bytes += bytes;
        self.waiting = self.waiting.saturating_sub(chunks + self.bytes / FORGIVING_BYTES);
        self.bytes %= FORGIVING_BYTES;
    }

    /// Bytes kept for entries, at their most: memory once taken for them stays with the connection.
    pub(crate) fn kept_bytes(&self) -> u64 {
        self.most * ENTRY_BYTES
    }
}

impl Instance {
    /// Ends a connection on which too many frames wait; to be called when what can be delivered was.
    pub(crate) fn check_gaps(&mut self, handle: u32) {
        let Some(connection) = self.connections.get_mut(handle) else { return };
        if connection.phase == Phase::Closed {
            return;
        }
        connection.gaps.received(connection.quic.stats().frame_rx.stream);
        let limit = MOST_WAITING.max(connection.receive_window / BYTES_PER_FRAME);
        // Before the handshake is done nothing is delivered: all that came waits.
        if connection.gaps.waiting > limit && connection.phase == Phase::Up {
            let streams = &self.streams;
            let open = |&&stream: &&u32| streams.get(stream).is_some_and(|stream| stream.receiving == Receiving::Open);
            let possible = STREAM_WAITING * connection.members.iter().filter(open).count() as u64;
            connection.gaps.waiting = connection.gaps.waiting.min(possible);
        }
        connection.gaps.most = connection.gaps.most.max(connection.gaps.waiting);
        if connection.gaps.waiting <= limit {
            return;
        }
        let now = connection.heard;
        self.expel(handle, ClosedBy::Transport, REASON, now);
    }
}
