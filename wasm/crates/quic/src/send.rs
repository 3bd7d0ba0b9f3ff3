//! What the host does with streams and datagrams between packets.

use bytes::Bytes;
use quinn_proto::{Dir, VarInt};

use crate::{
    DatagramDrop, Error, Event,
    connection::{Phase, priority},
    datagrams::Queued,
    instance::{Instance, code_too_large},
    stream::{Receiving, Sending, Stream},
};

impl Instance {
    pub(crate) fn open_outgoing(&mut self, handle: u32, dir: Dir, key: u128) -> Result<u32, Error> {
        let connection = self.connections.get_mut(handle).ok_or(Error::StaleHandle)?;
        if connection.phase == Phase::Closed {
            return Err(Error::StaleHandle);
        }
        let mut stream = Stream::outgoing(handle, dir, key, connection.settings.stream_credit_bytes);
        stream.member = connection.members.len();
        let stream = self.streams.insert(stream).ok_or(Error::LimitReached("stream"))?;
        connection.members.push(stream);
        Ok(stream)
    }

    pub(crate) fn activate_stream(&mut self, stream: u32) -> Result<(), Error> {
        let entry = self.streams.get_mut(stream).ok_or(Error::StaleHandle)?;
        if entry.sending != Sending::Asleep {
            // What flow control held back was all there was when it was pulled; now the source wants to be asked again.
            if let Some(residue) = &mut entry.residue {
                residue.more = true;
            }
            return Ok(());
        }
        entry.sending = Sending::Ready;
        self.enqueue(stream);
        Ok(())
    }

    /// Flow control let go of the stream.
    pub(crate) fn unblock_stream(&mut self, stream: u32) {
        if let Some(entry) = self.streams.get_mut(stream).filter(|entry| entry.sending == Sending::Blocked) {
            entry.sending = Sending::Ready;
            self.enqueue(stream);
        }
    }

    fn enqueue(&mut self, stream: u32) {
        let Some(handle) = self.streams.get(stream).map(|entry| entry.connection) else { return };
        if let Some(connection) = self.connections.get_mut(handle) {
            connection.enqueue(stream, &mut self.streams);
        }
        self.mark_dirty(handle);
    }

    pub(crate) fn rekey_stream(&mut self, stream: u32, key: u128) -> Result<(), Error> {
        let entry = self.streams.get_mut(stream).ok_or(Error::StaleHandle)?;
        let (handle, old) = (entry.connection, entry.rank.key);
        let sends = entry.id.filter(|_| !matches!(entry.sending, Sending::Absent | Sending::Over));
        let connection = self.connections.get_mut(handle).ok_or(Error::StaleHandle)?;
        connection.rekey(stream, key, &mut self.streams);
        if let Some(id) = sends.filter(|_| priority(old) != priority(key)) {
            let _ = connection.quic.send_stream(id).set_priority(priority(key));
        }
        Ok(())
    }

    pub(crate) fn reset_stream(&mut self, stream: u32, code: u64) -> Result<(), Error> {
        let code = VarInt::from_u64(code).map_err(|_| code_too_large())?;
        let entry = self.streams.get(stream).ok_or(Error::StaleHandle)?;
        if matches!(entry.sending, Sending::Absent | Sending::Over) {
            return Ok(());
        }
        let handle = entry.connection;
        if entry.id.is_none() && entry.dir == Dir::Bi {
            // Nothing was ever sent, so nothing will come.
            if let Some(entry) = self.streams.get_mut(stream) {
                entry.receiving = Receiving::Over;
            }
        }
        self.end_sending(stream, code);
        self.release_if_over(stream);
        self.mark_dirty(handle);
        Ok(())
    }

    /// Our sending side is over by reset; without an id that costs nothing on the wire.
    pub(crate) fn end_sending(&mut self, stream: u32, code: VarInt) {
        let Some(handle) = self.streams.get(stream).map(|entry| entry.connection) else { return };
        let Some(connection) = self.connections.get_mut(handle) else { return };
        connection.dequeue(stream, &mut self.streams);
        let Some(entry) = self.streams.get_mut(stream) else { return };
        entry.sending = Sending::Over;
        entry.residue = None;
        connection.unfinished -= std::mem::take(&mut entry.written);
        if let Some(id) = entry.id {
            let _ = connection.quic.send_stream(id).reset(code);
            // What of it was bound will not leave as a frame any more.
            connection.bound = 0;
        }
        self.mark_dirty(handle);
    }

    pub(crate) fn stop_stream(&mut self, stream: u32, code: u64) -> Result<(), Error> {
        let code = VarInt::from_u64(code).map_err(|_| code_too_large())?;
        let entry = self.streams.get_mut(stream).ok_or(Error::StaleHandle)?;
        if entry.receiving != Receiving::Open {
            return Ok(());
        }
        let handle = entry.connection;
        entry.receiving = Receiving::Over;
        match entry.id {
            Some(id) => {
                if let Some(connection) = self.connections.get_mut(handle) {
                    let _ = connection.quic.recv_stream(id).stop(code);
                }
            }
            None => entry.held_stop = Some(code.into_inner()),
        }
        self.release_if_over(stream);
        self.mark_dirty(handle);
        Ok(())
    }

    pub(crate) fn credit_stream(&mut self, stream: u32, bytes: u64) -> Result<(), Error> {
        let entry = self.streams.get_mut(stream).ok_or(Error::StaleHandle)?;
        entry.credit = entry.credit.saturating_add(bytes);
        if entry.credit > 0 && std::mem::take(&mut entry.starved) {
            self.queue_read(stream);
        }
        Ok(())
    }

    /// Forgets a stream both of whose sides are over.
    pub(crate) fn release_if_over(&mut self, stream: u32) {
        if !self.streams.get(stream).is_some_and(|entry| entry.announced && entry.is_over()) {
            return;
        }
        let Some(entry) = self.streams.remove(stream) else { return };
        let handle = entry.connection;
        if let Some(connection) = self.connections.get_mut(handle) {
            if let Some(id) = entry.id {
                connection.streams.remove(&id);
            }
            connection.members.swap_remove(entry.member);
            if let Some(moved) = connection.members.get(entry.member).and_then(|&moved| self.streams.get_mut(moved)) {
                moved.member = entry.member;
            }
        }
        self.events.push_back(Event::Released { connection: handle, stream });
    }

    pub(crate) fn queue_datagram(
        &mut self,
        handle: u32,
        payload: Bytes,
        key: u128,
        deadline: u64,
    ) -> Result<Option<usize>, Error> {
        let connection = self.connections.get_mut(handle).ok_or(Error::StaleHandle)?;
        let fits = match connection.phase {
            Phase::Closed => return Err(Error::StaleHandle),
            // The peer's limit is not known yet: it is looked at again when the datagram's turn comes.
            Phase::Handshake => true,
            Phase::Up => connection.quic.datagrams().max_size().is_some_and(|size| payload.len() <= size),
        };
        if !fits {
            self.drop_datagram(handle, DatagramDrop::NeverFits);
            return Ok(None);
        }
        let rank = connection.rank(key);
        let full = connection.datagrams.push(rank, Queued { payload, deadline });
        let queued = connection.datagrams.len();
        if full {
            self.drop_datagram(handle, DatagramDrop::Queue);
        }
        self.mark_dirty(handle);
        Ok(Some(queued))
    }

    pub(crate) fn await_room(&mut self, handle: u32, below: usize) -> Result<(), Error> {
        let connection = self.connections.get_mut(handle).ok_or(Error::StaleHandle)?;
        connection.datagrams.await_room(below);
        if let Some(queued) = connection.datagrams.room() {
            self.events.push_back(Event::DatagramRoom { connection: handle, queued: queued as u32 });
        }
        Ok(())
    }

    /// Counts drops of one kind into one event while the host has not read it.
    pub(crate) fn drop_datagram(&mut self, handle: u32, reason: DatagramDrop) {
        if let Some(connection) = self.connections.get_mut(handle) {
            connection.dropped_datagrams += 1;
        }
        if let Some(Event::DatagramDropped { connection, why, count }) = self.events.back_mut()
            && *connection == handle
            && *why == reason
        {
            *count += 1;
            return;
        }
        self.events.push_back(Event::DatagramDropped { connection: handle, why: reason, count: 1 });
    }
}
