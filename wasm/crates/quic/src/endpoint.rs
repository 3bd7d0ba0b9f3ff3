//! One UDP socket's side of the engine.

use std::sync::Arc;

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

/// One of quinn-proto's endpoints; see `shards`.
pub(crate) struct Shard {
    pub(crate) quic: quinn_proto::Endpoint,
    /// quinn-proto's connection numbers to our handles; 0 is none.
    connections: Vec<u32>,
}

/// A connection in the eyes of quinn-proto.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) shard: usize,
    pub(crate) handle: ConnectionHandle,
}

pub(crate) struct Endpoint {
    /// A power of two.
    pub(crate) shards: Vec<Shard>,
    pub(crate) settings: Option<Arc<crate::TransportSettings>>,
    pub(crate) limits: EndpointLimits,
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

impl Shard {
    pub(crate) fn new(quic: quinn_proto::Endpoint) -> Self {
        Self { quic, connections: Vec::new() }
    }

    pub(crate) fn connection(&self, handle: ConnectionHandle) -> Option<u32> {
        self.connections.get(handle.0).copied().filter(|&connection| connection != 0)
    }
}

impl Endpoint {
    pub(crate) fn new(
        shards: Vec<Shard>,
        settings: Option<Arc<crate::TransportSettings>>,
        limits: EndpointLimits,
    ) -> Self {
        Self { shards, settings, limits, open: 0, handshakes: 0, closing: false }
    }

    pub(crate) fn adopt(&mut self, Place { shard, handle }: Place, connection: u32) {
        let Some(Shard { connections, .. }) = self.shards.get_mut(shard) else { return };
        if connections.len() <= handle.0 {
            connections.resize(handle.0 + 1, 0);
        }
        connections[handle.0] = connection;
        self.open += 1;
    }

    pub(crate) fn forget(&mut self, Place { shard, handle }: Place) {
        if let Some(shard) = self.shards.get_mut(shard)
            && let Some(connection) = shard.connections.get_mut(handle.0)
            && std::mem::take(connection) != 0
        {
            self.open -= 1;
        }
    }

    /// For new connections.
    pub(crate) fn serve(&mut self, config: Option<&Arc<quinn_proto::ServerConfig>>) {
        for shard in &mut self.shards {
            shard.quic.set_server_config(config.cloned());
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
