//! What the engine tells its host, in order. Bytes are reference-counted: an event can outlive the packet it came in.

use bytes::Bytes;

/// Who ended a connection. The numbers are part of the ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum ClosedBy {
    /// [`crate::Engine::close`] or [`crate::Engine::close_endpoint`].
    Local = 0,
    /// The peer's application.
    PeerApplication = 1,
    /// The peer's QUIC or TLS layer.
    PeerTransport = 2,
    /// Our QUIC or TLS layer found fault with the peer.
    Transport = 3,
    /// Silence, or a handshake that took too long.
    Idle = 4,
    /// A stateless reset.
    Reset = 5,
    /// No common QUIC version.
    Version = 6,
    /// Memory was critical, and the connection held most of it.
    Memory = 7,
}

/// Why datagrams were dropped before they were sent. The numbers are part of the ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum DatagramDrop {
    /// The queue was full.
    Queue = 1,
    /// The deadline passed.
    Deadline = 2,
    /// Larger than any packet of this path.
    NeverFits = 3,
}

/// One event. `connection` and `stream` are handles; codes and ids are 62-bit.
#[derive(Clone, Debug)]
pub enum Event {
    /// The handshake is done.
    Connected {
        /// Handle.
        connection: u32,
        /// The endpoint it belongs to.
        endpoint: u32,
        /// The peer's address index.
        peer: u32,
        /// We are the server.
        server: bool,
    },
    /// The connection is over; exactly once, and its streams are gone with it.
    Closed {
        /// Handle.
        connection: u32,
        /// The endpoint it belongs to.
        endpoint: u32,
        /// Who ended it.
        by: ClosedBy,
        /// Application, QUIC or TLS code; for `Idle` 1 when the handshake never ended.
        code: u64,
        /// Reason text as it came.
        reason: Bytes,
    },
    /// The connection's handle is dead.
    Drained {
        /// Handle.
        connection: u32,
    },
    /// The peer opened a stream; its first data or reset follows.
    Stream {
        /// Handle.
        connection: u32,
        /// Handle.
        stream: u32,
        /// QUIC stream id.
        id: u64,
        /// Unidirectional.
        uni: bool,
    },
    /// Bytes of a stream, in order.
    Data {
        /// Handle.
        connection: u32,
        /// Handle.
        stream: u32,
        /// May be empty when `fin`.
        bytes: Bytes,
        /// They are the last.
        fin: bool,
    },
    /// The peer abandoned its sending side.
    Reset {
        /// Handle.
        connection: u32,
        /// Handle.
        stream: u32,
        /// Application code.
        code: u64,
    },
    /// The peer wants no more of our bytes.
    Stop {
        /// Handle.
        connection: u32,
        /// Handle.
        stream: u32,
        /// Application code.
        code: u64,
    },
    /// Everything we sent on the stream was acknowledged, its end included.
    Acked {
        /// Handle.
        connection: u32,
        /// Handle.
        stream: u32,
    },
    /// Both sides are over: the stream's handle is dead.
    Released {
        /// Handle.
        connection: u32,
        /// Handle.
        stream: u32,
    },
    /// A datagram arrived.
    Datagram {
        /// Handle.
        connection: u32,
        /// Its payload.
        bytes: Bytes,
    },
    /// Queued datagrams will not be sent.
    DatagramDropped {
        /// Handle.
        connection: u32,
        /// Why.
        why: DatagramDrop,
        /// How many.
        count: u32,
    },
    /// Fewer datagrams wait than [`crate::Engine::await_datagram_room`] asked for.
    DatagramRoom {
        /// Handle.
        connection: u32,
        /// How many wait.
        queued: u32,
    },
    /// An application timer fired; its handle is dead.
    Timer {
        /// Handle.
        timer: u32,
    },
    /// The peer's address changed.
    Path {
        /// Handle.
        connection: u32,
        /// The new address's index.
        peer: u32,
    },
    /// A line of the NSS key log format, without its end.
    KeyLog {
        /// The number of [`crate::Observing`].
        tag: u32,
        /// The line: whoever has it can read the connection's packets.
        line: Bytes,
    },
    /// Records of traced connections; `packages/engine/src/trace.ts` reads them.
    Trace {
        /// One after the other.
        records: Bytes,
    },
    /// A client's first packet was answered with a close: no connection came of it.
    Refused {
        /// The endpoint it came to.
        endpoint: u32,
        /// The client's address index.
        peer: u32,
        /// QUIC or TLS code we sent (RFC 9000 section 20.1): 0x2 when there is no room.
        code: u64,
        /// What was wrong.
        reason: Bytes,
    },
    /// The peer allows more streams.
    Credit {
        /// Handle.
        connection: u32,
        /// Of unidirectional ones.
        uni: bool,
    },
}
