//! The pump: packets out, with bytes pulled from their sources only when a packet has room for them.
//!
//! Per connection: let quinn-proto build what it has (acknowledgements, control frames, retransmissions, bound bytes); when
//! that is little or nothing, bind one packet of new data from the most urgent streams and datagrams; repeat. A source is
//! asked for the bytes of as many packets as congestion control lets leave, eight at most: what is given ahead of its packet
//! waits with the stream, in the stream's place in the order, and a reset drops it. A poll that yields nothing while bound
//! frames wait means that congestion, pacing or amplification blocks: nothing more is pulled. Where the congestion controller
//! names a rate, nothing is pulled ahead of it either (`pacer`).
//! Two things are inexact. Bound frames are counted by quinn-proto's frame counters, which count retransmissions too, so
//! that at most one packet more may be bound after a loss. And an ACK that is larger than expected can push the tail of a
//! bound chunk into the next packet.

use bytes::Bytes;
use quinn_proto::{Dir, SendStream, StreamId, VarInt, WriteError};

use crate::{
    DatagramDrop, Event, PumpEnd, Source,
    connection::{Choice, Connection, FIRST_FRAME_HEADER, priority},
    ingest::record,
    instance::Instance,
    stream::{Receiving, Residue, Sending},
};

/// Packets one connection may send before the next has its turn.
const QUANTUM: usize = 32;
/// A packet with less room left is closed: crumbs cost a frame header each.
const LEAST_ROOM: usize = 64;
/// Header of a further STREAM frame: type, id, offset, length.
const FRAME_HEADER: usize = 12;
/// Header of a DATAGRAM frame with length (RFC 9221 section 4).
const DATAGRAM_HEADER: usize = 3;
/// A packet this close to the MTU may have left the tail of a bound chunk behind.
const NEARLY_FULL: usize = 16;
/// Packets whose bytes a source is asked for at once, at most: each call of a host costs about 0.2 µs.
const MOST_AHEAD: u64 = 8;
/// Writes before which flow control is asked whether it lets a byte through, after it has held something back: then nothing is
/// pulled that cannot go. quinn-proto answers to an empty write, and sends a frame without bytes for it, so it is not asked always.
const ASKED_FIRST: u32 = 64;
/// Packets received without progress of bound frames after which the count is taken for wrong.
const STALL_LIMIT: u32 = 16;

/// What one fill of a packet did with a stream.
enum Fill {
    /// Bytes (or FIN) were bound: this many of the packet.
    Bound(usize),
    /// Nothing; look for the next.
    Nothing,
}

impl Instance {
    pub(crate) fn pump_all(&mut self, now: u64, budget: usize, source: &mut impl Source) -> usize {
        self.transmit.begin();
        self.packets.rewind();
        self.end = PumpEnd::Idle;
        let mut left = budget;
        while let Some(handle) = self.dirty.pop_front() {
            if left == 0 {
                self.dirty.push_front(handle);
                self.end = PumpEnd::Budget;
                break;
            }
            let (sent, end) = self.pump_connection(handle, now, left.min(QUANTUM), source);
            left -= sent;
            self.settle_connection(handle);
            match end {
                PumpEnd::Idle => {
                    if let Some(connection) = self.connections.get_mut(handle) {
                        connection.dirty = false;
                    }
                }
                PumpEnd::Budget => self.dirty.push_back(handle),
                PumpEnd::Slots => {
                    self.dirty.push_front(handle);
                    self.end = PumpEnd::Slots;
                    break;
                }
            }
        }
        self.wheel.look();
        self.transmit.tell()
    }

    fn pump_connection(&mut self, handle: u32, now: u64, quantum: usize, source: &mut impl Source) -> (usize, PumpEnd) {
        let instant = self.clock.instant(now);
        let mut sent = 0;
        // After an empty poll quinn-proto has nothing of its own to send (losses are found and answers made between pumps):
        // from then on a full packet is followed by the next one's bytes without another look.
        let mut emptied = false;
        while sent < quantum {
            let Some(connection) = self.connections.get_mut(handle) else { return (sent, PumpEnd::Idle) };
            let Some(slot) = self.transmit.take() else { return (sent, PumpEnd::Slots) };
            let built = connection.quic.poll_transmit(instant, 1, self.transmit.buffer(slot));
            let idle = built.is_none();
            match built {
                Some(transmit) => {
                    sent += 1;
                    connection.note_sent(now, transmit.size);
                    let peer = if transmit.destination == connection.remote {
                        Some(connection.peer)
                    } else {
                        self.peers.intern(transmit.destination)
                    };
                    match peer {
                        Some(peer) => self.transmit.push(record(slot, &transmit, connection.endpoint, peer)),
                        None => self.transmit.give_back(slot),
                    }
                    let full = transmit.size + NEARLY_FULL >= usize::from(connection.quic.current_mtu());
                    if connection.bound > 0 || (full && !emptied) {
                        continue;
                    }
                }
                None => {
                    self.transmit.give_back(slot);
                    if connection.bound > 0 && connection.stalls < STALL_LIMIT {
                        return (sent, PumpEnd::Idle);
                    }
                    connection.bound = 0;
                    connection.stalls = 0;
                    emptied = true;
                }
            }
            if !self.bind_packet(handle, now, source) && idle {
                return (sent, PumpEnd::Idle);
            }
        }
        (sent, PumpEnd::Budget)
    }

    /// Writes at most one packet of new data to quinn-proto; false when there was none.
    fn bind_packet(&mut self, handle: u32, now: u64, source: &mut impl Source) -> bool {
        let Some(connection) = self.connections.get_mut(handle) else { return false };
        if !connection.may_bind() || self.pressure.critical || connection.is_paced(now) {
            return false;
        }
        let mut room = connection.packet_room();
        let mut any = false;
        let mut last = None;
        while !any || room >= LEAST_ROOM {
            let Some(connection) = self.connections.get_mut(handle) else { break };
            let bound = match connection.best() {
                None => break,
                Some(Choice::Datagram) => match self.bind_datagram(handle, now, room, any) {
                    None => break,
                    Some(bytes) => bytes,
                },
                Some(Choice::Stream(stream)) => match self.bind_stream(handle, stream, room, source) {
                    Fill::Bound(bytes) => {
                        // quinn-proto joins what a packet holds of one stream into one frame.
                        if last.replace(stream) == Some(stream)
                            && let Some(connection) = self.connections.get_mut(handle)
                        {
                            connection.bound -= 1;
                        }
                        bytes
                    }
                    Fill::Nothing => 0,
                },
            };
            if bound > 0 {
                any = true;
                room = room.saturating_sub(bound);
            }
        }
        any
    }

    /// Binds the first datagram; 0 when it was dropped, `None` when it must wait for the next packet.
    fn bind_datagram(&mut self, handle: u32, now: u64, room: usize, any: bool) -> Option<usize> {
        let connection = self.connections.get_mut(handle)?;
        let largest = connection.quic.datagrams().max_size().unwrap_or(0);
        let (_, first) = connection.datagrams.best()?;
        let length = first.payload.len();
        let dropped = if first.deadline > 0 && first.deadline <= now {
            Some(DatagramDrop::Deadline)
        } else if length > largest {
            Some(DatagramDrop::NeverFits)
        } else {
            None
        };
        if dropped.is_none() && any && length + DATAGRAM_HEADER > room {
            return None;
        }
        let datagram = connection.datagrams.pop()?;
        if let Some(queued) = connection.datagrams.room() {
            self.events.push_back(Event::DatagramRoom { connection: handle, queued: queued as u32 });
        }
        let connection = self.connections.get_mut(handle)?;
        if let Some(why) = dropped {
            self.drop_datagram(handle, why);
            return Some(0);
        }
        if connection.quic.datagrams().send(datagram.payload, false).is_err() {
            self.drop_datagram(handle, DatagramDrop::NeverFits);
            return Some(0);
        }
        connection.bound += 1;
        Some(length + DATAGRAM_HEADER)
    }

    /// Binds bytes of the stream whose turn it is.
    fn bind_stream(&mut self, handle: u32, stream: u32, room: usize, source: &mut impl Source) -> Fill {
        if !self.take_id(handle, stream) {
            return Fill::Nothing;
        }
        let max = room.saturating_sub(FIRST_FRAME_HEADER).clamp(1, self.slab.len());
        let ahead = (max * self.packets_ahead(handle)).min(self.slab.len());
        let Some(entry) = self.streams.get_mut(stream) else { return Fill::Nothing };
        if let Some(residue) = entry.residue.take() {
            return self.bind_residue(handle, stream, residue, max);
        }
        let (Some(id), Some(connection)) = (entry.id, self.connections.get_mut(handle)) else {
            return Fill::Nothing;
        };
        if connection.asks_first > 0 && connection.quic.send_stream(id).write(&[]).is_err() {
            self.park(handle, stream, Sending::Blocked);
            return Fill::Nothing;
        }
        let prepared = source.prepare(handle, stream, &mut self.slab[..ahead]);
        if prepared.failed {
            self.end_sending(stream, VarInt::from_u32(0));
            self.release_if_over(stream);
            return Fill::Nothing;
        }
        let length = prepared.length.min(ahead);
        let kept = |from: usize, slab: &[u8]| {
            let bytes = Bytes::copy_from_slice(&slab[from..length]);
            Residue { bytes, at: 0, fin: prepared.fin, more: prepared.more }
        };
        if length > max {
            return self.bind_residue(handle, stream, kept(0, &self.slab), max);
        }
        let Some(connection) = self.connections.get_mut(handle) else { return Fill::Nothing };
        let write = write(connection, id, length, |mut quic, from| quic.write(&self.slab[from..length]));
        self.count_written(stream, write.taken);
        let blocked = write.is_blocked();
        self.learn(handle, &write);
        if blocked {
            if let Some(entry) = self.streams.get_mut(stream) {
                entry.residue = Some(kept(write.taken, &self.slab));
            }
            self.park(handle, stream, Sending::Blocked);
        } else if write.end.is_some() {
            self.park(handle, stream, Sending::Blocked); // stopped or closed: an event tells, what is left is void
        } else if prepared.fin {
            self.finish(handle, stream);
        } else if !prepared.more || length == 0 {
            self.park(handle, stream, Sending::Asleep);
        }
        self.bound_frame(handle, write.taken, prepared.fin && !blocked)
    }

    /// Packets whose bytes a source may give at once: what is asked for shall leave in this pump.
    fn packets_ahead(&self, handle: u32) -> usize {
        let Some(connection) = self.connections.get(handle) else { return 1 };
        let room = connection.congestion_room() / u64::from(connection.quic.current_mtu());
        room.clamp(1, MOST_AHEAD) as usize
    }

    fn bind_residue(&mut self, handle: u32, stream: u32, mut residue: Residue, max: usize) -> Fill {
        let Some(id) = self.streams.get(stream).and_then(|entry| entry.id) else { return Fill::Nothing };
        let Some(connection) = self.connections.get_mut(handle) else { return Fill::Nothing };
        let (at, end) = (residue.at, residue.bytes.len().min(residue.at + max));
        let write = write(connection, id, end - at, |mut quic, from| {
            quic.write_chunks(&mut [residue.bytes.slice(at + from..end)]).map(|written| written.bytes)
        });
        self.count_written(stream, write.taken);
        self.learn(handle, &write);
        residue.at += write.taken;
        let (rest, fin, more) = (residue.at < residue.bytes.len(), residue.fin, residue.more);
        if rest && let Some(entry) = self.streams.get_mut(stream) {
            entry.residue = Some(residue);
        }
        if write.end.is_some() {
            self.park(handle, stream, Sending::Blocked);
        } else if !rest && fin {
            self.finish(handle, stream);
        } else if !rest && !more {
            self.park(handle, stream, Sending::Asleep);
        }
        self.bound_frame(handle, write.taken, !rest && fin)
    }

    /// Whether flow control is asked before bytes are pulled.
    fn learn(&mut self, handle: u32, write: &Write) {
        let Some(connection) = self.connections.get_mut(handle) else { return };
        let next = connection.asks_first.saturating_sub(1);
        connection.asks_first = if write.is_blocked() { ASKED_FIRST } else { next };
    }

    fn count_written(&mut self, stream: u32, bytes: usize) {
        let Some(entry) = self.streams.get_mut(stream) else { return };
        entry.written += bytes as u64;
        if let Some(connection) = self.connections.get_mut(entry.connection) {
            connection.unfinished += bytes as u64;
        }
    }

    /// Counts a frame that will leave.
    fn bound_frame(&mut self, handle: u32, written: usize, fin: bool) -> Fill {
        if written == 0 && !fin {
            return Fill::Nothing;
        }
        if let Some(connection) = self.connections.get_mut(handle) {
            connection.bound += 1;
        }
        Fill::Bound(written + FRAME_HEADER)
    }

    /// Gives a stream its id; false when the peer allows no more of them for now.
    fn take_id(&mut self, handle: u32, stream: u32) -> bool {
        let Some(entry) = self.streams.get(stream) else { return false };
        if entry.id.is_some() {
            return true;
        }
        let (dir, key) = (entry.dir, entry.rank.key);
        let Some(connection) = self.connections.get_mut(handle) else { return false };
        let Some(id) = connection.quic.streams().open(dir) else {
            connection.no_stream_credit[dir as usize] = true;
            return false;
        };
        connection.promote(stream, id, &mut self.streams);
        if priority(key) != 0 {
            let _ = connection.quic.send_stream(id).set_priority(priority(key));
        }
        if let Some(entry) = self.streams.get_mut(stream)
            && dir == Dir::Bi
            && entry.receiving == Receiving::Over
            && let Some(code) = entry.held_stop.take()
            && let Ok(code) = VarInt::from_u64(code)
        {
            let _ = connection.quic.recv_stream(id).stop(code);
        }
        true
    }

    fn finish(&mut self, handle: u32, stream: u32) {
        let Some(id) = self.streams.get(stream).and_then(|entry| entry.id) else { return };
        if let Some(connection) = self.connections.get_mut(handle) {
            // A peer that has stopped the stream tells so by an event of its own.
            let _ = connection.quic.send_stream(id).finish();
        }
        self.park(handle, stream, Sending::Finished);
    }

    /// Takes a stream out of the ready ones.
    fn park(&mut self, handle: u32, stream: u32, state: Sending) {
        if let Some(connection) = self.connections.get_mut(handle) {
            connection.dequeue(stream, &mut self.streams);
        }
        if let Some(entry) = self.streams.get_mut(stream) {
            entry.sending = state;
        }
    }
}

/// How a write went.
struct Write {
    taken: usize,
    /// Why not everything was taken.
    end: Option<WriteError>,
}

impl Write {
    fn is_blocked(&self) -> bool {
        matches!(self.end, Some(WriteError::Blocked))
    }
}

/// Writes until everything is taken or flow control stops it: only that registers for the Writable event. `part` writes what
/// it can of the bytes from some place on.
fn write(
    connection: &mut Connection,
    id: StreamId,
    length: usize,
    mut part: impl FnMut(SendStream<'_>, usize) -> Result<usize, WriteError>,
) -> Write {
    let mut taken = 0;
    while taken < length {
        match part(connection.quic.send_stream(id), taken) {
            Ok(count) => taken += count,
            Err(end) => return Write { taken, end: Some(end) },
        }
    }
    Write { taken, end: None }
}
