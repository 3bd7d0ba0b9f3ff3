//! One UDP socket's side of the engine.

use std::{net::SocketAddr, sync::Arc};

use quinn_proto::ConnectionHandle;

use crate::{
    keyed::Keyed,
    sources::{Count, Source, Sources, is_loopback},
};

/// Bounds of one endpoint. An address is an IPv4 address or an IPv6 /64.
#[derive(Clone, Copy, Debug)]
pub struct EndpointLimits {
    /// Handshakes under way as server; from an eighth of it on clients must prove their address (Retry), above it they
    /// are refused. One costs about 35 kB, so that made-up addresses hold less than 5 MB of the default.
    pub handshakes: usize,
    /// Connections.
    pub connections: usize,
    /// Handshakes under way with one address; from an eighth of it on it must be proven, above it proven ones are refused:
    /// whoever writes somebody's address on packets cannot lock him out. By default an eighth of all, and all for loopback.
    pub handshakes_per_address: Option<usize>,
    /// Connections that one address has begun, wherever they moved since. By default a quarter of all, and all for loopback.
    pub connections_per_address: Option<usize>,
}

impl Default for EndpointLimits {
    fn default() -> Self {
        Self { handshakes: 1024, connections: usize::MAX, handshakes_per_address: None, connections_per_address: None }
    }
}

/// Clients must prove their address from this part of a limit on handshakes.
const RETRY_PART: usize = 8;
/// Parts of the whole that one address gets.
const ADDRESS_HANDSHAKES: usize = 8;
const ADDRESS_CONNECTIONS: usize = 4;
/// At least as much.
const LEAST_PER_ADDRESS: usize = 16;

impl EndpointLimits {
    /// What one address may have.
    fn of(&self, address: SocketAddr) -> Count {
        let share = |explicit: Option<usize>, all: usize, parts: usize| match explicit {
            Some(limit) => limit,
            None if is_loopback(address) => all,
            None => (all / parts).max(LEAST_PER_ADDRESS),
        };
        Count {
            handshakes: share(self.handshakes_per_address, self.handshakes, ADDRESS_HANDSHAKES),
            connections: share(self.connections_per_address, self.connections, ADDRESS_CONNECTIONS),
        }
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
    handshakes: usize,
    sources: Sources,
    /// Goes with its last connection.
    pub(crate) closing: bool,
}

/// What to do with a client's first packet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    Accept,
    Retry,
    /// In words.
    Refuse(&'static str),
}

pub(crate) const NO_ROOM: &str = "no room for another connection";
const NO_ROOM_FOR_ADDRESS: &str = "no room for another connection of this address";
const NO_ROOM_FOR_HANDSHAKE: &str = "no room for another handshake with this address";

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
        keyed: Keyed,
    ) -> Self {
        Self { shards, settings, limits, open: 0, handshakes: 0, sources: Sources::new(keyed), closing: false }
    }

    pub(crate) fn adopt(&mut self, Place { shard, handle }: Place, connection: u32) {
        let Some(Shard { connections, .. }) = self.shards.get_mut(shard) else { return };
        if connections.len() <= handle.0 {
            connections.resize(handle.0 + 1, 0);
        }
        connections[handle.0] = connection;
        self.open += 1;
    }

    pub(crate) fn forget(&mut self, Place { shard, handle }: Place, source: Option<Source>) {
        if let Some(shard) = self.shards.get_mut(shard)
            && let Some(connection) = shard.connections.get_mut(handle.0)
            && std::mem::take(connection) != 0
        {
            self.open -= 1;
        }
        if let Some(source) = source {
            self.sources.end(source);
        }
    }

    /// A handshake as server begins.
    pub(crate) fn begin_handshake(&mut self, source: Source) {
        self.handshakes += 1;
        self.sources.begin(source);
    }

    /// A handshake as server is over, one way or the other.
    pub(crate) fn end_handshake(&mut self, source: Source) {
        self.handshakes = self.handshakes.saturating_sub(1);
        self.sources.end_handshake(source);
    }

    /// For new connections.
    pub(crate) fn serve(&mut self, config: Option<&Arc<quinn_proto::ServerConfig>>) {
        for shard in &mut self.shards {
            shard.quic.set_server_config(config.cloned());
        }
    }

    /// `validated`: the client has proved its address; `may_retry`: it has not been asked to yet.
    pub(crate) fn admission(&self, address: SocketAddr, validated: bool, may_retry: bool) -> Admission {
        let (most, count) = (self.limits.of(address), self.sources.count(Source::of(address)));
        if self.closing || self.open >= self.limits.connections || self.handshakes >= self.limits.handshakes {
            return Admission::Refuse(NO_ROOM);
        }
        if count.connections >= most.connections {
            return Admission::Refuse(NO_ROOM_FOR_ADDRESS);
        }
        let doubtful =
            self.handshakes >= self.limits.handshakes / RETRY_PART || count.handshakes >= most.handshakes / RETRY_PART;
        if !validated && may_retry && doubtful {
            Admission::Retry
        } else if count.handshakes >= most.handshakes {
            Admission::Refuse(NO_ROOM_FOR_HANDSHAKE)
        } else {
            Admission::Accept
        }
    }
}
