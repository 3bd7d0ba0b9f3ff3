//! One UDP socket's side of the engine.

use quinn_proto::ConnectionHandle;

/// Bounds of one endpoint.
#[derive(Clone, Copy, Debug)]
pub struct EndpointLimits {
    /// Handshakes under way as server; from an eighth of it on clients must prove their address (Retry), above it they
    /// are refused. One costs about 35 kB, so that made-up addresses hold less than 5 MB of the default.
    pub handshakes: usize,
    /// Connections.
    pub connections: usize,
}

impl Default for EndpointLimits {
    fn default() -> Self {
        Self { handshakes: 1024, connections: usize::MAX }
    }
}

pub(crate) struct Endpoint {
    pub(crate) quic: quinn_proto::Endpoint,
    pub(crate) settings: Option<std::sync::Arc<crate::TransportSettings>>,
    pub(crate) limits: EndpointLimits,
    /// quinn-proto's connection numbers to our handles; 0 is none.
    connections: Vec<u32>,
    pub(crate) open: usize,
    /// Handshakes under way as server.
    pub(crate) handshakes: usize,
    /// Goes with its last connection.
    pub(crate) closing: bool,
}

/// What to do with a client's first packet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    Accept,
    Retry,
    Refuse,
}

impl Endpoint {
    pub(crate) fn new(
        quic: quinn_proto::Endpoint,
        settings: Option<std::sync::Arc<crate::TransportSettings>>,
        limits: EndpointLimits,
    ) -> Self {
        Self { quic, settings, limits, connections: Vec::new(), open: 0, handshakes: 0, closing: false }
    }

    pub(crate) fn connection(&self, handle: ConnectionHandle) -> Option<u32> {
        self.connections.get(handle.0).copied().filter(|&connection| connection != 0)
    }

    pub(crate) fn adopt(&mut self, handle: ConnectionHandle, connection: u32) {
        if self.connections.len() <= handle.0 {
            self.connections.resize(handle.0 + 1, 0);
        }
        self.connections[handle.0] = connection;
        self.open += 1;
    }

    pub(crate) fn forget(&mut self, handle: ConnectionHandle) {
        if let Some(connection) = self.connections.get_mut(handle.0)
            && std::mem::take(connection) != 0
        {
            self.open -= 1;
        }
    }

    /// `validated`: the client has proved its address; `may_retry`: it has not been asked to yet.
    pub(crate) fn admission(&self, validated: bool, may_retry: bool) -> Admission {
        if self.closing || self.open >= self.limits.connections || self.handshakes >= self.limits.handshakes {
            Admission::Refuse
        } else if !validated && may_retry && self.handshakes >= self.limits.handshakes / 8 {
            Admission::Retry
        } else {
            Admission::Accept
        }
    }
}
