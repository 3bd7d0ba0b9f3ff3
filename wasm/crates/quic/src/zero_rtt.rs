//! 0-RTT (RFC 9001 section 4.6): what a client says before the handshake is done. It can be recorded and sent again by
//! anybody, so that as server we take it in and keep it to ourselves until the handshake, which cannot be, is over; and
//! as client we send it only where the host asked for it.

use crate::{
    EarlyData,
    connection::{Connection, Phase},
    instance::Instance,
};

/// Long header with the longest connection ids, length, packet number and AEAD tag (RFC 9000 section 17.2.3).
const LONG_OVERHEAD: usize = 1 + 4 + 1 + 20 + 1 + 20 + 2 + 4 + 16;

impl Connection {
    /// What became of 0-RTT.
    pub(crate) fn early_data(&self) -> EarlyData {
        let client = self.quic.side().is_client();
        match self.phase {
            _ if !self.quic.has_0rtt() => EarlyData::None,
            Phase::Handshake if client => EarlyData::Offered,
            Phase::Handshake => EarlyData::None,
            _ if client && !self.quic.accepted_0rtt() => EarlyData::Rejected,
            _ => EarlyData::Accepted,
        }
    }

    /// As client at the start: packets have long headers for now.
    pub(crate) fn expect_early(&mut self) {
        if self.quic.has_0rtt() {
            self.overhead = LONG_OVERHEAD;
        }
    }

    /// New data may leave. Between the end of the handshake and its event nothing does: the state machine may have
    /// dropped the streams of before.
    pub(crate) fn may_bind(&self) -> bool {
        self.phase == Phase::Up || self.early_data() == EarlyData::Offered && self.quic.is_handshaking()
    }

    /// Nothing is told of it yet: it may be no more than a recording.
    pub(crate) fn is_held(&self) -> bool {
        self.phase == Phase::Handshake && self.quic.is_handshaking()
    }
}

impl Instance {
    /// The server took no 0-RTT, and the state machine has dropped the streams that were open. Their sources were asked
    /// already and cannot be asked again: the host opens others if it wants to.
    pub(crate) fn forget_early_streams(&mut self, handle: u32) {
        let Some(connection) = self.connections.get_mut(handle) else { return };
        connection.clear_streams();
        connection.unfinished = 0;
        for stream in std::mem::take(&mut connection.members) {
            self.streams.remove(stream);
        }
    }
}
