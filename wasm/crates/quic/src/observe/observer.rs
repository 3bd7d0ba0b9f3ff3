//! What waits to be told: key lines, and the records of all traces in one buffer that the host empties every turn.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;

use crate::clock::WallClock;

/// Records that wait above this are lost, and counted: two full batches of received packets.
const RECORD_BYTES: usize = 2 << 20;
/// Key lines that wait above this are lost: five for each of more handshakes than one batch can finish.
const KEY_LINES: usize = 8192;
/// Length, trace, time, kind.
const HEADER: usize = 20;

/// Kinds of records, as `packages/engine/src/trace.ts` reads them.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(crate) enum Kind {
    /// Side, the host's number, the original destination connection id, our transport parameters.
    Started = 1,
    /// The peer's transport parameters.
    PeerParameters = 2,
    /// Packet number, length of the header, the packet without its tag.
    Sent = 3,
    /// The same.
    Received = 4,
    /// A packet that its key does not open: its header.
    Unreadable = 5,
    /// Congestion window, bytes in flight, slow start threshold, smoothed, least and latest round trip.
    Metrics = 6,
    /// Congestion: 1 when it persists, 2 when ECN tells of it, 0 otherwise.
    Congestion = 7,
    /// How many more packets were given up as lost.
    Lost = 8,
    /// A new packet size.
    Mtu = 9,
    /// Handle, endpoint, peer's address index.
    Placed = 10,
    /// The handshake is done: the protocol.
    Connected = 11,
    /// Who ended it, code, reason.
    Closed = 12,
    /// Nothing more follows.
    Ended = 13,
    /// Of no trace: how many records were lost for want of room.
    Overflow = 14,
}

/// The first packet of a connection, opened before its session exists.
struct FirstPacket {
    number: u64,
    header: Vec<u8>,
    payload: Vec<u8>,
}

#[derive(Default)]
struct State {
    key_lines: VecDeque<(u32, String)>,
    records: Vec<u8>,
    overflow: u32,
    traces: u32,
    /// The trace of the connection that is being served.
    current: u32,
    /// The trace that began last, until its connection asks for it.
    begun: Option<u32>,
    first: Option<FirstPacket>,
}

/// One engine's. Shared with what observes, and locked for moments by one thread.
pub(crate) struct Observer {
    clock: Arc<WallClock>,
    state: Mutex<State>,
}

impl fmt::Debug for Observer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Observer") // what it holds is secret
    }
}

impl Observer {
    pub(crate) fn new(clock: Arc<WallClock>) -> Arc<Self> {
        Arc::new(Self { clock, state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn tell_key(&self, tag: u32, line: String) {
        let mut state = self.state();
        if state.key_lines.len() < KEY_LINES {
            state.key_lines.push_back((tag, line));
        }
    }

    /// The oldest key line and its number.
    pub(crate) fn take_key(&self) -> Option<(u32, Bytes)> {
        self.state().key_lines.pop_front().map(|(tag, line)| (tag, Bytes::from(line)))
    }

    /// All records since the last call.
    pub(crate) fn take_records(&self) -> Option<Bytes> {
        let overflow = std::mem::take(&mut self.state().overflow);
        if overflow > 0 {
            let mut state = self.state();
            append(&mut state.records, 0, self.clock.micros(), Kind::Overflow, &[&overflow.to_le_bytes()]);
        }
        let records = std::mem::take(&mut self.state().records);
        (!records.is_empty()).then(|| Bytes::from(records))
    }

    /// A new trace, from now on the current one.
    pub(crate) fn begin(self: &Arc<Self>) -> Trace {
        let mut state = self.state();
        state.traces = state.traces.wrapping_add(1).max(1);
        state.current = state.traces;
        state.begun = Some(state.traces);
        Trace { observer: self.clone(), id: state.traces }
    }

    /// The trace of the connection that was made just now, if it has one.
    pub(crate) fn begun(self: &Arc<Self>) -> Option<Trace> {
        let id = self.state().begun.take()?;
        Some(Trace { observer: self.clone(), id })
    }

    /// The trace of the connection that is being served.
    pub(super) fn current(self: &Arc<Self>) -> Trace {
        Trace { observer: self.clone(), id: self.state().current }
    }

    /// Keeps the packet that a session about to begin will tell of.
    pub(super) fn keep_first(&self, number: u64, header: &[u8], payload: &[u8]) {
        self.state().first = Some(FirstPacket { number, header: header.into(), payload: payload.into() });
    }

    /// Tells of the packet that was kept, in the trace that has begun since.
    pub(super) fn tell_first(&self, trace: u32) {
        let first = self.state().first.take();
        if let Some(FirstPacket { number, header, payload }) = first {
            self.packet(trace, Kind::Received, number, &header, &payload);
        }
    }

    fn packet(&self, trace: u32, kind: Kind, number: u64, header: &[u8], payload: &[u8]) {
        let length = header.len() as u32;
        self.record(trace, kind, &[&number.to_le_bytes(), &length.to_le_bytes(), header, payload]);
    }

    fn record(&self, trace: u32, kind: Kind, fields: &[&[u8]]) {
        let mut state = self.state();
        if state.records.len() >= RECORD_BYTES {
            state.overflow = state.overflow.saturating_add(1);
            return;
        }
        append(&mut state.records, trace, self.clock.micros(), kind, fields);
    }
}

fn append(records: &mut Vec<u8>, trace: u32, micros: u64, kind: Kind, fields: &[&[u8]]) {
    let length = HEADER + fields.iter().map(|field| field.len()).sum::<usize>();
    records.reserve(length);
    records.extend_from_slice(&(length as u32).to_le_bytes());
    records.extend_from_slice(&trace.to_le_bytes());
    records.extend_from_slice(&(micros as f64).to_le_bytes());
    records.extend_from_slice(&u32::from(kind as u8).to_le_bytes());
    for field in fields {
        records.extend_from_slice(field);
    }
}

/// One connection's place in the records.
#[derive(Clone)]
pub(crate) struct Trace {
    observer: Arc<Observer>,
    id: u32,
}

impl Trace {
    /// What happens from now on happens to this connection.
    pub(crate) fn enter(&self) {
        self.observer.state().current = self.id;
    }

    pub(crate) fn record(&self, kind: Kind, fields: &[&[u8]]) {
        self.observer.record(self.id, kind, fields);
    }

    pub(super) fn packet(&self, kind: Kind, number: u64, header: &[u8], payload: &[u8]) {
        self.observer.packet(self.id, kind, number, header, payload);
    }

    pub(super) fn started(&self, server: bool, tag: u32, cid: &[u8], parameters: &[u8]) {
        self.record(
            Kind::Started,
            &[&u32::from(server).to_le_bytes(), &tag.to_le_bytes(), &[cid.len() as u8], cid, parameters],
        );
        self.observer.tell_first(self.id);
    }

    /// Where the connection is in the host's tables.
    pub(crate) fn placed(&self, connection: u32, endpoint: u32, peer: u32) {
        self.record(Kind::Placed, &[&connection.to_le_bytes(), &endpoint.to_le_bytes(), &peer.to_le_bytes()]);
    }

    pub(crate) fn connected(&self, alpn: &[u8]) {
        self.record(Kind::Connected, &[alpn]);
    }

    pub(crate) fn closed(&self, by: u32, code: u64, reason: &[u8]) {
        self.record(Kind::Closed, &[&by.to_le_bytes(), &code.to_le_bytes(), reason]);
    }

    pub(crate) fn lost(&self, packets: u64) {
        self.record(Kind::Lost, &[&packets.to_le_bytes()]);
    }
}
