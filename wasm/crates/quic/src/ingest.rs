//! Packets in, and time: what moves the state machines.

use bytes::{Bytes, BytesMut};
use quinn_proto::{AcceptError, ConnectionError, DatagramEvent, EcnCodepoint, Incoming, Transmit, TransportErrorCode};

use crate::{
    ClosedBy, Datagram, Event, TransmitRecord,
    congestion::Signals,
    connection::{Connection, Phase},
    early::has_short_header,
    endpoint::{Admission, NO_ROOM, Place},
    instance::Instance,
    shards::Route,
    sources::Source,
    wheel::Alarm,
};

/// Buffers for received packets, used again when nothing of the old packet is left (in order data is gone by the next
/// turn), so that a packet costs no allocation of ours. A buffer holds one packet: data that waits for a gap to be
/// filled pins no more than it came in.
#[derive(Default)]
pub(crate) struct PacketBuffers {
    ring: Vec<BytesMut>,
    next: usize,
}

/// As many as one batch has packets.
const BUFFERS: usize = 512;
/// A buffer takes the packets of most paths; a larger one grows it. What waits for a gap to be filled holds one whole.
const BUFFER_BYTES: usize = 1280;

impl PacketBuffers {
    fn copy(&mut self, packet: &[u8]) -> BytesMut {
        if self.next == self.ring.len() {
            self.ring.push(BytesMut::new());
        }
        let buffer = &mut self.ring[self.next];
        self.next = (self.next + 1) % BUFFERS;
        buffer.clear();
        if !buffer.try_reclaim(packet.len()) {
            *buffer = BytesMut::with_capacity(packet.len().max(BUFFER_BYTES));
        }
        buffer.extend_from_slice(packet);
        buffer.split()
    }

    /// Begins with the first again: the host has read what came, and few buffers that stay in the cache serve all.
    pub(crate) fn rewind(&mut self) {
        self.next = 0;
    }
}

impl Instance {
    pub(crate) fn take_packet(&mut self, datagram: Datagram<'_>, now: u64) {
        self.clock.tick(now);
        if self.sheds(datagram.bytes.len()) {
            return;
        }
        let Some(endpoint) = self.endpoints.get(datagram.endpoint) else { return };
        match self.router().route(datagram.bytes, endpoint.shards.len()) {
            Route::Shard(shard) => {
                self.take_for_shard(datagram, shard, now);
            }
            // A stateless reset is for a connection with its sender's address; to anything else nobody answers.
            Route::Unmarked => {
                let mut shards = self.peers.shards(datagram.peer);
                while shards != 0 && !self.take_for_shard(datagram, shards.trailing_zeros() as usize, now) {
                    shards &= shards - 1;
                }
            }
        }
    }

    /// True when a connection took the packet.
    fn take_for_shard(&mut self, datagram: Datagram<'_>, shard: usize, now: u64) -> bool {
        let Some(remote) = self.peers.address(datagram.peer) else { return false };
        let Some(endpoint) = self.endpoints.get_mut(datagram.endpoint) else { return false };
        let Some(shard_entry) = endpoint.shards.get_mut(shard) else { return false };
        // Without a slot an answer (Retry, version negotiation, reset) is not sent: the client asks again.
        let spare = self.transmit.take();
        let mut no_slot = Vec::new();
        let answer = match spare {
            Some(slot) => self.transmit.buffer(slot),
            None => &mut no_slot,
        };
        let data = self.packets.copy(datagram.bytes);
        let instant = self.clock.instant(now);
        let ecn = EcnCodepoint::from_bits(datagram.ecn);
        let event = shard_entry.quic.handle(instant, remote, None, ecn, data, answer);
        let mut taken = false;
        let reply = match event {
            None => None,
            Some(DatagramEvent::Response(transmit)) => Some(transmit),
            Some(DatagramEvent::ConnectionEvent(handle, event)) => {
                taken = true;
                if let Some(connection) = shard_entry.connection(handle)
                    && let Some(entry) = self.connections.get_mut(connection)
                {
                    entry.enter_trace();
                    if entry.quic.is_handshaking() && has_short_header(datagram.bytes) {
                        if let Some(event) = entry.early.keep(event, &mut self.early) {
                            entry.quic.handle_event(event);
                        }
                    } else {
                        entry.quic.handle_event(event);
                        if !entry.early.is_empty() && !entry.quic.is_handshaking() {
                            for event in entry.early.take(&mut self.early) {
                                entry.quic.handle_event(event);
                            }
                        }
                    }
                    entry.heard = now;
                    if entry.phase == Phase::Handshake {
                        entry.proven |= self.proof.take();
                    }
                    if !entry.touched && entry.bound > 0 {
                        entry.stalls += 1;
                    }
                    self.touch(connection);
                }
                None
            }
            Some(DatagramEvent::NewConnection(incoming)) => self.admit(incoming, datagram, shard, spare, now),
        };
        match (spare, reply) {
            (Some(slot), Some(transmit)) => {
                self.transmit.push(record(slot, &transmit, datagram.endpoint, datagram.peer))
            }
            (Some(slot), None) => self.transmit.give_back(slot),
            (None, _) => {}
        }
        taken
    }

    /// Decides on a client's first packet at once, so that no half-open handshake waits in a queue.
    fn admit(
        &mut self,
        incoming: Incoming,
        datagram: Datagram<'_>,
        shard: usize,
        spare: Option<u16>,
        now: u64,
    ) -> Option<Transmit> {
        let (full, pressed) = (self.is_full(), self.pressure.stats.pressed);
        let endpoint = self.endpoints.get_mut(datagram.endpoint)?;
        let mut no_slot = Vec::new();
        let answer = match spare {
            Some(slot) => self.transmit.buffer(slot),
            None => &mut no_slot,
        };
        let address = incoming.remote_address();
        let (validated, may_retry) = (incoming.remote_address_validated(), incoming.may_retry());
        let admission = match endpoint.admission(address, validated, may_retry) {
            _ if full => Admission::Refuse(NO_ROOM),
            Admission::Accept if pressed && !validated && may_retry => Admission::Retry,
            other => other,
        };
        let quic = &mut endpoint.shards.get_mut(shard)?.quic;
        let settings = match (admission, endpoint.settings.clone()) {
            (Admission::Accept, Some(settings)) => settings,
            (Admission::Retry, Some(_)) => return quic.retry(incoming, answer).ok(),
            (refusal, _) => {
                // CONNECTION_REFUSED carries no reason on the wire: it is for the host.
                let reason = if let Admission::Refuse(reason) = refusal { reason } else { NO_ROOM };
                let answer = quic.refuse(incoming, answer);
                self.tell_refused(datagram, TransportErrorCode::CONNECTION_REFUSED, reason.into());
                return Some(answer);
            }
        };
        let accepted = quic.accept(incoming, self.clock.instant(now), answer, None);
        let trace = self.observer.begun();
        match accepted {
            Ok((handle, quic)) => {
                let source = Source::of(address);
                endpoint.begin_handshake(source);
                let place = Place { shard, handle };
                let mut connection = Connection::new(quic, datagram.endpoint, place, settings, &self.keyed, now);
                connection.proven = self.proof.take();
                connection.trace = trace;
                connection.source = Some(source);
                self.adopt(connection, datagram.peer);
                None
            }
            Err(AcceptError { cause, response }) => {
                self.proof.take();
                // Without an answer it was noise, or too late.
                if let (ConnectionError::TransportError(error), Some(_)) = (cause, &response) {
                    self.tell_refused(datagram, error.code, error.reason.into());
                }
                response
            }
        }
    }

    fn tell_refused(&mut self, Datagram { endpoint, peer, .. }: Datagram<'_>, code: TransportErrorCode, reason: Bytes) {
        self.events.push_back(Event::Refused { endpoint, peer, code: code.into(), reason });
    }

    /// After a batch of packets: endpoint business, addresses and timers of the connections it met.
    pub(crate) fn settle_touched(&mut self) {
        let mut touched = std::mem::take(&mut self.touched);
        for handle in touched.drain(..) {
            self.settle_connection(handle);
            self.follow_path(handle);
        }
        self.touched = touched;
    }

    /// Notices that the peer's address has changed (RFC 9000 section 9).
    fn follow_path(&mut self, handle: u32) {
        let Some(connection) = self.connections.get_mut(handle) else { return };
        let remote = connection.quic.remote_address();
        if remote == connection.remote {
            return;
        }
        let Some(peer) = self.peers.intern(remote) else { return };
        self.peers.retain(peer, connection.place.shard);
        self.peers.release(connection.peer);
        connection.remote = remote;
        connection.signals = Signals::of(&connection.quic);
        connection.peer = peer;
        if connection.phase == Phase::Up {
            self.events.push_back(Event::Path { connection: handle, peer });
        }
    }

    pub(crate) fn fire(&mut self, now: u64) {
        let mut fired = std::mem::take(&mut self.fired);
        self.wheel.advance(now, &mut fired);
        for (timer, alarm) in fired.drain(..) {
            match alarm {
                Alarm::Application => self.events.push_back(Event::Timer { timer }),
                Alarm::Connection(handle) => self.fire_connection(handle, now),
            }
        }
        self.fired = fired;
        self.settle_touched();
        self.wheel.look();
    }

    fn fire_connection(&mut self, handle: u32, now: u64) {
        let Some(connection) = self.connections.get_mut(handle) else { return };
        connection.timer = None;
        connection.pace_at = None; // the pump asks again
        connection.enter_trace();
        let instant = self.clock.instant(now);
        if connection.quic.poll_timeout().is_some_and(|deadline| deadline <= instant) {
            connection.quic.handle_timeout(instant);
        }
        let late = connection.phase == Phase::Handshake && connection.handshake_deadline <= now;
        let silence = connection.silence();
        let silent = silence.as_ref().is_some_and(|silence| silence.deadline <= now);
        if !silent && silence.is_some_and(|silence| silence.ask <= now) {
            connection.quic.ping();
            connection.signals.allow_probe();
            connection.asked = now;
        }
        if late || silent {
            let reason = if late { "handshake timeout" } else { "idle" };
            connection.quic.close(instant, 0u32.into(), reason.into());
            self.end_connection(handle, ClosedBy::Idle, late.into(), Bytes::new());
        }
        self.touch(handle);
    }
}

/// The record of a packet in a slot.
pub(crate) fn record(slot: u16, transmit: &Transmit, endpoint: u32, peer: u32) -> TransmitRecord {
    TransmitRecord {
        slot,
        length: transmit.size as u16,
        endpoint,
        peer,
        segment: transmit.segment_size.unwrap_or(0) as u16,
        ecn: transmit.ecn.map_or(0, |ecn| ecn as u8),
    }
}
