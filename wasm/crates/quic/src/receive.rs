//! Events: what the state machines have to tell, in the host's terms, and stream bytes as far as there is credit.

use bytes::Bytes;
use quinn_proto::{ConnectionError, Dir, Event as QuicEvent, ReadError, StreamEvent, StreamId, VarInt};

use crate::{
    ClosedBy, EarlyData, Event,
    connection::Phase,
    instance::Instance,
    stream::{Receiving, Sending, Stream},
};

impl Instance {
    pub(crate) fn next_event(&mut self) -> Option<Event> {
        while self.events.is_empty() {
            match self.eventful.pop_front() {
                Some(handle) => self.tell(handle),
                None => return self.observation(),
            }
        }
        self.events.pop_front()
    }

    /// What observed connections have told since it was last asked for.
    fn observation(&mut self) -> Option<Event> {
        if !self.observing {
            return None;
        }
        if let Some((tag, line)) = self.observer.take_key() {
            return Some(Event::KeyLog { tag, line });
        }
        self.observer.take_records().map(|records| Event::Trace { records })
    }

    /// Turns everything one connection has to tell into events.
    fn tell(&mut self, handle: u32) {
        let Some(connection) = self.connections.get_mut(handle) else { return };
        connection.eventful = false;
        if connection.is_held() {
            return self.check_gaps(handle);
        }
        let mut lost = None;
        while let Some(connection) = self.connections.get_mut(handle) {
            let Some(event) = connection.quic.poll() else { break };
            if connection.phase == Phase::Closed {
                continue;
            }
            match event {
                QuicEvent::HandshakeDataReady | QuicEvent::DatagramsUnblocked => {}
                QuicEvent::Connected => self.tell_connected(handle),
                QuicEvent::ConnectionLost { reason } => lost = Some(reason),
                // 0-RTT of a connection that is not up: its datagrams are told when it is, and nothing when it never is.
                _ if connection.phase == Phase::Handshake => {}
                QuicEvent::DatagramReceived => self.tell_datagrams(handle),
                QuicEvent::Stream(event) => self.tell_stream(handle, event),
            }
        }
        self.read_streams(handle);
        self.check_gaps(handle);
        if let Some(reason) = lost {
            self.tell_lost(handle, reason);
        }
        if self
            .connections
            .get(handle)
            .is_some_and(|connection| connection.drained && connection.phase == Phase::Closed)
        {
            self.forget_connection(handle);
        }
    }

    fn tell_connected(&mut self, handle: u32) {
        let Some(connection) = self.connections.get_mut(handle) else { return };
        if connection.phase != Phase::Handshake {
            return;
        }
        connection.phase = Phase::Up;
        connection.no_stream_credit = [false; 2];
        let early_data = connection.early_data();
        let server = connection.quic.side().is_server();
        if early_data != EarlyData::None && !server {
            // 0-RTT may fill the window until the server can acknowledge it, which wants our Finished: that goes first.
            connection.signals.allow_probe();
        }
        connection.measure_overhead();
        let (endpoint, peer, source) = (connection.endpoint, connection.peer, connection.source);
        if let Some(trace) = &connection.trace {
            trace.connected(&connection.alpn());
        }
        if let Some(source) = source
            && let Some(endpoint) = self.endpoints.get_mut(endpoint)
        {
            endpoint.end_handshake(source);
        }
        if early_data == EarlyData::Rejected {
            self.forget_early_streams(handle);
        }
        self.mark_dirty(handle);
        self.events.push_back(Event::Connected { connection: handle, endpoint, peer, server });
        self.tell_datagrams(handle);
    }

    fn tell_lost(&mut self, handle: u32, reason: ConnectionError) {
        let (by, code, reason) = match reason {
            ConnectionError::ApplicationClosed(close) => {
                (ClosedBy::PeerApplication, close.error_code.into_inner(), close.reason)
            }
            ConnectionError::ConnectionClosed(close) => {
                (ClosedBy::PeerTransport, close.error_code.into(), close.reason)
            }
            ConnectionError::TransportError(error) => {
                (ClosedBy::Transport, error.code.into(), Bytes::from(error.reason))
            }
            ConnectionError::TimedOut => {
                let handshake =
                    self.connections.get(handle).is_some_and(|connection| connection.phase == Phase::Handshake);
                (ClosedBy::Idle, handshake.into(), Bytes::new())
            }
            ConnectionError::Reset => (ClosedBy::Reset, 0, Bytes::new()),
            ConnectionError::VersionMismatch => (ClosedBy::Version, 0, Bytes::new()),
            ConnectionError::LocallyClosed | ConnectionError::CidsExhausted => (ClosedBy::Local, 0, Bytes::new()),
        };
        self.end_connection(handle, by, code, reason);
    }

    fn tell_datagrams(&mut self, handle: u32) {
        let Some(connection) = self.connections.get_mut(handle) else { return };
        while let Some(bytes) = connection.quic.datagrams().recv() {
            connection.delivered += bytes.len() as u64;
            self.events.push_back(Event::Datagram { connection: handle, bytes });
        }
    }

    fn tell_stream(&mut self, handle: u32, event: StreamEvent) {
        match event {
            StreamEvent::Opened { dir } => self.accept_streams(handle, dir),
            StreamEvent::Available { dir } => {
                if let Some(connection) = self.connections.get_mut(handle) {
                    connection.no_stream_credit[dir as usize] = false;
                }
                self.mark_dirty(handle);
                self.events.push_back(Event::Credit { connection: handle, uni: dir == Dir::Uni });
            }
            StreamEvent::Readable { id } => {
                if let Some(stream) = self.known(handle, id) {
                    self.queue_read(stream);
                }
            }
            StreamEvent::Writable { id } => {
                if let Some(stream) = self.known(handle, id) {
                    self.unblock_stream(stream);
                }
            }
            StreamEvent::Finished { id } => {
                let Some(stream) = self.known(handle, id) else { return };
                if let Some(entry) = self.streams.get_mut(stream).filter(|entry| entry.sending != Sending::Over) {
                    entry.sending = Sending::Over;
                    let written = std::mem::take(&mut entry.written);
                    if let Some(connection) = self.connections.get_mut(handle) {
                        connection.unfinished -= written;
                    }
                    self.events.push_back(Event::Acked { connection: handle, stream });
                    self.release_if_over(stream);
                }
            }
            StreamEvent::Stopped { id, error_code } => self.tell_stopped(handle, id, error_code),
        }
    }

    fn known(&self, handle: u32, id: StreamId) -> Option<u32> {
        self.connections.get(handle)?.streams.get(&id).copied()
    }

    /// Enters the peer's new streams; the host hears of each with its first bytes.
    fn accept_streams(&mut self, handle: u32, dir: Dir) {
        while let Some(connection) = self.connections.get_mut(handle) {
            let Some(id) = connection.quic.streams().accept(dir) else { return };
            let more_allowed = connection.allow_streams(id);
            let mut stream = Stream::incoming(handle, id, connection.settings.stream_credit_bytes);
            stream.member = connection.members.len();
            match self.streams.insert(stream) {
                Some(stream) => {
                    connection.members.push(stream);
                    connection.accepted_streams += 1;
                    connection.streams.insert(id, stream);
                    self.queue_read(stream);
                }
                None => {
                    // The engine's table is full (2^20 streams): the peer learns it by STOP_SENDING and RESET_STREAM.
                    let _ = connection.quic.recv_stream(id).stop(VarInt::from_u32(0));
                    if dir == Dir::Bi {
                        let _ = connection.quic.send_stream(id).reset(VarInt::from_u32(0));
                    }
                }
            }
            if more_allowed {
                self.mark_dirty(handle);
            }
        }
    }

    /// STOP_SENDING: we answer with RESET_STREAM and the peer's code (RFC 9000 section 3.5).
    fn tell_stopped(&mut self, handle: u32, id: StreamId, code: VarInt) {
        let Some(stream) = self.known(handle, id) else { return };
        let Some(entry) = self.streams.get_mut(stream) else { return };
        if matches!(entry.sending, Sending::Over | Sending::Absent) {
            return;
        }
        let announced = entry.announced;
        if !announced {
            entry.held_stop = Some(code.into_inner());
        }
        self.end_sending(stream, code);
        if announced {
            self.events.push_back(Event::Stop { connection: handle, stream, code: code.into_inner() });
            self.release_if_over(stream);
        }
    }

    /// Puts a stream on its connection's list of those to read.
    pub(crate) fn queue_read(&mut self, stream: u32) {
        let Some(entry) = self.streams.get_mut(stream) else { return };
        if entry.receiving != Receiving::Open || std::mem::replace(&mut entry.queued, true) {
            return;
        }
        let handle = entry.connection;
        let Some(connection) = self.connections.get_mut(handle) else { return };
        connection.readable.push_back(stream);
        if !std::mem::replace(&mut connection.eventful, true) {
            self.eventful.push_back(handle);
        }
    }

    fn read_streams(&mut self, handle: u32) {
        while let Some(connection) = self.connections.get_mut(handle) {
            let Some(stream) = connection.readable.pop_front() else { return };
            self.read_stream(handle, stream);
        }
    }

    /// Delivers what is there in order, as far as the host gave credit.
    fn read_stream(&mut self, handle: u32, stream: u32) {
        let Self { connections, streams, events, .. } = self;
        let Some(connection) = connections.get_mut(handle) else { return };
        let Some(entry) = streams.get_mut(stream) else { return };
        entry.queued = false;
        let Some(id) = entry.id.filter(|_| entry.receiving == Receiving::Open) else { return };
        let mut receiver = connection.quic.recv_stream(id);
        let Ok(mut chunks) = receiver.read(true) else {
            entry.receiving = Receiving::Over;
            return self.release_if_over(stream);
        };
        let announce = |entry: &mut Stream, events: &mut std::collections::VecDeque<Event>| {
            if !std::mem::replace(&mut entry.announced, true) {
                let uni = entry.dir == Dir::Uni;
                events.push_back(Event::Stream { connection: handle, stream, id: id.into(), uni });
            }
        };
        // One chunk is held back: only after the next look it is known whether it is the last.
        let mut held: Option<Bytes> = None;
        let (mut delivered, mut chunks_delivered) = (0, 0);
        loop {
            match chunks.next(usize::try_from(entry.credit).unwrap_or(usize::MAX)) {
                Ok(Some(chunk)) if chunk.bytes.is_empty() => {
                    entry.starved = true;
                    break;
                }
                Ok(Some(chunk)) => {
                    entry.credit -= chunk.bytes.len() as u64;
                    delivered += chunk.bytes.len() as u64;
                    chunks_delivered += 1;
                    announce(entry, events);
                    if let Some(bytes) = held.replace(chunk.bytes) {
                        events.push_back(Event::Data { connection: handle, stream, bytes, fin: false });
                    }
                }
                Ok(None) => {
                    announce(entry, events);
                    let bytes = held.take().unwrap_or_default();
                    events.push_back(Event::Data { connection: handle, stream, bytes, fin: true });
                    entry.receiving = Receiving::Over;
                    break;
                }
                Err(ReadError::Blocked) => break,
                Err(ReadError::Reset(code)) => {
                    announce(entry, events);
                    if let Some(bytes) = held.take() {
                        events.push_back(Event::Data { connection: handle, stream, bytes, fin: false });
                    }
                    events.push_back(Event::Reset { connection: handle, stream, code: code.into_inner() });
                    entry.receiving = Receiving::Over;
                    break;
                }
            }
        }
        if let Some(bytes) = held {
            events.push_back(Event::Data { connection: handle, stream, bytes, fin: false });
        }
        let window_moved = chunks.finalize().should_transmit();
        connection.delivered += delivered;
        connection.gaps.delivered(chunks_delivered, delivered);
        if entry.announced
            && let Some(code) = entry.held_stop.take()
        {
            events.push_back(Event::Stop { connection: handle, stream, code });
        }
        if window_moved {
            self.mark_dirty(handle);
        }
        self.release_if_over(stream);
    }
}
