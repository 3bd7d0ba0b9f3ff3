//! Packets that overtook the end of the handshake. A peer sends data right behind its last handshake packet, and where the
//! two change places on the way the data cannot be read yet: it is kept for a moment (RFC 9001 section 5.7), or a path that
//! reorders would cost the peer its first window, and with it its slow start.

use quinn_proto::ConnectionEvent;

/// Kept of one connection: a peer's initial window (RFC 9002 section 7.2).
const PER_CONNECTION: usize = 10;
/// Kept of all connections, so that no crowd of them makes it much: about 400 KB.
const PER_ENGINE: usize = 256;
/// Long headers have this bit (RFC 9000 section 17.2), and those of packets with data have not.
const LONG_HEADER: u8 = 0x80;

/// Of one connection, in the order they came.
#[derive(Default)]
pub(crate) struct EarlyPackets(Vec<ConnectionEvent>);

/// How many all connections keep.
#[derive(Default)]
pub(crate) struct EarlyCount(usize);

/// The packet is one that only a connection whose handshake is done can read.
pub(crate) fn has_short_header(packet: &[u8]) -> bool {
    packet.first().is_some_and(|byte| byte & LONG_HEADER == 0)
}

impl EarlyPackets {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keeps the packet; gives it back when there is no room.
    pub(crate) fn keep(&mut self, packet: ConnectionEvent, total: &mut EarlyCount) -> Option<ConnectionEvent> {
        if self.0.len() >= PER_CONNECTION || total.0 >= PER_ENGINE {
            return Some(packet);
        }
        total.0 += 1;
        self.0.push(packet);
        None
    }

    /// All of them, when their time has come or the connection is over.
    pub(crate) fn take(&mut self, total: &mut EarlyCount) -> Vec<ConnectionEvent> {
        total.0 -= self.0.len();
        std::mem::take(&mut self.0)
    }
}
