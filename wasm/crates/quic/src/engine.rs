//! The engine's contract as a trait, so that the state machine under it can be exchanged.

use bytes::Bytes;
use quinn_proto::Dir;

use crate::{ClientOptions, EndpointLimits, Error, Event, ServerOptions, TransmitRecord};

/// Bounds of one engine.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections of all endpoints together.
    pub connections: usize,
    /// Peer addresses remembered besides those in use.
    pub peers: usize,
    /// Bytes of memory to keep to; counts once the host tells how many are in use ([`crate::Instance::note_memory`]).
    pub memory_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 4096, peers: 16_384, memory_bytes: 256 << 20 }
    }
}

/// A received packet.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// The endpoint whose socket it came from.
    pub endpoint: u32,
    /// Address index of its sender.
    pub peer: u32,
    /// ECN bits; 0 when unknown.
    pub ecn: u8,
    /// At most [`crate::SLOT_BYTES`].
    pub bytes: &'a [u8],
}

/// The answer of a [`Source`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prepared {
    /// Bytes written.
    pub length: usize,
    /// They are the stream's last.
    pub fin: bool,
    /// More wait; otherwise the stream sleeps until [`Engine::activate`].
    pub more: bool,
    /// The source broke: the stream is reset with code 0.
    pub failed: bool,
}

/// Where stream bytes come from, at the moment a packet has room for them.
pub trait Source {
    /// Writes at most `target.len()` bytes of the stream: room in this packet and in up to seven more that may follow it now.
    /// What does not fit waits with the stream, and goes unless it is reset.
    fn prepare(&mut self, connection: u32, stream: u32, target: &mut [u8]) -> Prepared;
}

/// Why a pump ended. The numbers are part of the ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum PumpEnd {
    /// Nothing is left to send, or congestion, pacing or flow control blocks.
    Idle = 0,
    /// The budget is used up.
    Budget = 1,
    /// No slot is free: the socket is behind.
    Slots = 2,
}

/// Which end of a connection we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// We dialled.
    Client,
    /// We accepted.
    Server,
}

/// What became of 0-RTT on a connection (RFC 9001 section 4.6). The numbers are part of the ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum EarlyData {
    /// There was none.
    None = 0,
    /// As client: what streams have to say leaves before the handshake is done.
    Offered = 1,
    /// The server took it.
    Accepted = 2,
    /// The server took none of it: the streams that were open are gone.
    Rejected = 3,
}

/// What is fixed once a connection is up.
#[derive(Clone, Debug)]
pub struct ConnectionInfo {
    /// Chosen protocol; empty before the handshake is over.
    pub alpn: Vec<u8>,
    /// Name the client asked for; empty when it sent none.
    pub server_name: String,
    /// Address index of the current path.
    pub peer: u32,
    /// Which end we are.
    pub side: Side,
    /// A session ticket stood in for the certificate (RFC 8446 section 2.2); false before the handshake is over.
    pub resumed: bool,
    /// What became of 0-RTT; as server none before the handshake is over.
    pub early_data: EarlyData,
}

/// Counters of one connection.
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs)] // One line per field in packages/engine/src/options.ts.
pub struct ConnectionStats {
    pub rtt_micros: u64,
    pub min_rtt_micros: u64,
    pub cwnd_bytes: u64,
    pub mtu: u64,
    pub sent_packets: u64,
    pub lost_packets: u64,
    pub received_packets: u64,
    pub sent_bytes: u64,
    pub received_bytes: u64,
    pub lost_bytes: u64,
    pub congestion_events: u64,
    pub black_holes: u64,
    pub opened_streams: u64,
    pub accepted_streams: u64,
    pub ready_streams: u64,
    pub sent_datagrams: u64,
    pub received_datagrams: u64,
    pub dropped_datagrams: u64,
    pub queued_datagrams: u64,
}

/// A QUIC engine. Times are host microseconds; handles are generational and never 0; a stale one is an error.
pub trait Engine {
    /// New server configuration.
    fn add_server_config(&mut self, options: ServerOptions<'_>) -> Result<u32, Error>;
    /// New client configuration.
    fn add_client_config(&mut self, options: ClientOptions<'_>) -> Result<u32, Error>;
    /// Connections that use it keep it.
    fn free_config(&mut self, config: u32) -> Result<(), Error>;

    /// New endpoint, one per socket; `None`: it only connects.
    fn open_endpoint(&mut self, server_config: Option<u32>, limits: EndpointLimits) -> Result<u32, Error>;
    /// For new connections.
    fn set_server_config(&mut self, endpoint: u32, server_config: Option<u32>) -> Result<(), Error>;
    /// Closes its connections and, when they are drained, the endpoint.
    fn close_endpoint(&mut self, endpoint: u32, now: u64) -> Result<(), Error>;

    /// Index of an address; see [`crate::STABLE_INTERNS`].
    fn intern_peer(&mut self, address: std::net::SocketAddr) -> Result<u32, Error>;

    /// Starts a handshake.
    fn connect(&mut self, endpoint: u32, config: u32, peer: u32, server_name: &str, now: u64) -> Result<u32, Error>;
    /// Closes with a code and a reason.
    fn close(&mut self, connection: u32, code: u64, reason: Bytes, now: u64) -> Result<(), Error>;
    /// What is known about a connection.
    fn info(&self, connection: u32) -> Result<ConnectionInfo, Error>;
    /// Its counters; of one that is gone the last ones, until its DRAINED event was read.
    fn stats(&self, connection: u32) -> Result<ConnectionStats, Error>;
    /// Keying material of the TLS session (RFC 8446 section 7.5), as long as `output`; only when the handshake is done.
    fn export_keying_material(
        &self,
        connection: u32,
        label: &[u8],
        context: &[u8],
        output: &mut [u8],
    ) -> Result<(), Error>;
    /// Encrypts from the next packet on with new keys (RFC 9001 section 6); does nothing before the handshake is done.
    fn update_keys(&mut self, connection: u32) -> Result<(), Error>;
    /// Streams the peer may have open.
    fn set_max_streams(&mut self, connection: u32, dir: Dir, count: u64) -> Result<(), Error>;
    /// Unread bytes the peer may have under way.
    fn set_receive_window(&mut self, connection: u32, bytes: u64) -> Result<(), Error>;

    /// Takes one packet; after the last of a batch, call [`Engine::settle`].
    fn ingest(&mut self, datagram: Datagram<'_>, now: u64);
    /// Ends a batch of packets.
    fn settle(&mut self, now: u64);

    /// Fires what is due.
    fn fire_timers(&mut self, now: u64);
    /// When to fire next; may be early, never late. Exact after a pump or firing, but for timers in a crowd.
    fn next_deadline(&self) -> Option<u64>;
    /// One-shot application timer.
    fn arm_timer(&mut self, deadline: u64) -> Result<u32, Error>;
    /// False when it is dead already.
    fn cancel_timer(&mut self, timer: u32) -> bool;

    /// Builds at most `budget` packets; how many records there are to send.
    fn pump(&mut self, now: u64, budget: usize, source: &mut impl Source) -> usize;
    /// Why the last pump ended.
    fn pump_end(&self) -> PumpEnd;
    /// Record of the last pump.
    fn transmit_record(&self, index: usize) -> TransmitRecord;
    /// A slot's packet.
    fn transmit_bytes(&self, slot: u16) -> &[u8];
    /// A slot's memory, which never moves.
    fn slot_address(&mut self, slot: u16) -> usize;
    /// The slot may be used again.
    fn release_slot(&mut self, slot: u16);

    /// Whether there may be something for [`Engine::begin_events`] or [`Engine::poll_event`] to do; false is certain.
    fn has_events(&self) -> bool;
    /// The host has read the events it was given: indices of handles whose death it knows may be used again.
    fn begin_events(&mut self);
    /// The next event.
    fn poll_event(&mut self) -> Option<Event>;

    /// New outgoing stream, asleep.
    fn open_stream(&mut self, connection: u32, dir: Dir, key: u128) -> Result<u32, Error>;
    /// Bytes wait.
    fn activate(&mut self, stream: u32) -> Result<(), Error>;
    /// Another place in the order.
    fn set_key(&mut self, stream: u32, key: u128) -> Result<(), Error>;
    /// Abandons our sending side.
    fn reset(&mut self, stream: u32, code: u64) -> Result<(), Error>;
    /// Asks the peer to stop.
    fn stop(&mut self, stream: u32, code: u64) -> Result<(), Error>;
    /// As many more bytes may be delivered.
    fn credit(&mut self, stream: u32, bytes: u64) -> Result<(), Error>;
    /// QUIC's id, once taken.
    fn stream_id(&self, stream: u32) -> Result<Option<u64>, Error>;

    /// Queues a datagram; how many wait with it. `None`: it can never fit and was dropped. `deadline` 0: none.
    fn send_datagram(
        &mut self,
        connection: u32,
        payload: Bytes,
        key: u128,
        deadline: u64,
    ) -> Result<Option<usize>, Error>;
    /// Asks for one [`Event::DatagramRoom`] when fewer than `below` wait. A later call takes the place of this one.
    fn await_datagram_room(&mut self, connection: u32, below: usize) -> Result<(), Error>;
    /// Largest payload now; 0 when the peer takes none.
    fn max_datagram_size(&mut self, connection: u32) -> Result<usize, Error>;
}

/// For sources that have nothing to say.
impl Source for () {
    fn prepare(&mut self, _connection: u32, _stream: u32, _target: &mut [u8]) -> Prepared {
        Prepared::default()
    }
}
