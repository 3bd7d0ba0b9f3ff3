//! One stream: two halves that end independently, and its place in the order.

use bytes::Bytes;
use quinn_proto::{Dir, StreamId};

use crate::{
    chooser::{NOWHERE, Places, Rank},
    handles::Slab,
};

/// Our sending side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sending {
    /// Unidirectional, opened by the peer.
    Absent,
    /// Nothing to say until activated.
    Asleep,
    /// In a heap of the chooser.
    Ready,
    /// Flow control; comes back on Writable.
    Blocked,
    /// FIN written; waits for its acknowledgement.
    Finished,
    /// Acknowledged, reset or stopped.
    Over,
}

/// The peer's sending side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receiving {
    /// Unidirectional, opened by us.
    Absent,
    Open,
    /// End or reset delivered, or stopped by us.
    Over,
}

/// Bytes a source gave ahead of their packets, or that flow control did not take; they go before its next prepare.
#[derive(Debug)]
pub(crate) struct Residue {
    pub(crate) bytes: Bytes,
    pub(crate) at: usize,
    pub(crate) fin: bool,
    pub(crate) more: bool,
}

pub(crate) struct Stream {
    pub(crate) connection: u32,
    pub(crate) dir: Dir,
    /// Taken at the first prepare.
    pub(crate) id: Option<StreamId>,
    pub(crate) rank: Rank,
    /// In the heap it belongs to: by direction without an id, the connection's with one.
    pub(crate) place: u32,
    /// In the connection's list of streams.
    pub(crate) member: usize,
    pub(crate) sending: Sending,
    pub(crate) receiving: Receiving,
    pub(crate) residue: Option<Residue>,
    /// Bytes given to quinn-proto, until it tells that all are acknowledged.
    pub(crate) written: u64,
    /// Bytes that may be delivered.
    pub(crate) credit: u64,
    /// Credit ran out before the bytes did.
    pub(crate) starved: bool,
    /// In the connection's list of streams to read.
    pub(crate) queued: bool,
    /// The host knows it.
    pub(crate) announced: bool,
    /// A stop by the peer, or by us before the id was taken, that waits for its moment.
    pub(crate) held_stop: Option<u64>,
}

impl Stream {
    pub(crate) fn outgoing(connection: u32, dir: Dir, key: u128, credit: u64) -> Self {
        Self {
            connection,
            dir,
            id: None,
            rank: Rank { key, order: 0 },
            place: NOWHERE,
            member: 0,
            sending: Sending::Asleep,
            receiving: if dir == Dir::Bi { Receiving::Open } else { Receiving::Absent },
            residue: None,
            written: 0,
            credit,
            starved: false,
            queued: false,
            announced: true,
            held_stop: None,
        }
    }

    pub(crate) fn incoming(connection: u32, id: StreamId, credit: u64) -> Self {
        let dir = id.dir();
        Self {
            id: Some(id),
            sending: if dir == Dir::Bi { Sending::Asleep } else { Sending::Absent },
            receiving: Receiving::Open,
            announced: false,
            ..Self::outgoing(connection, dir, 0, credit)
        }
    }

    /// Nothing more can happen on it.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.sending, Sending::Absent | Sending::Over)
            && matches!(self.receiving, Receiving::Absent | Receiving::Over)
    }
}

impl Places for Slab<Stream> {
    fn moved(&mut self, stream: u32, place: u32) {
        if let Some(stream) = self.get_mut(stream) {
            stream.place = place;
        }
    }
}
