//! Events as records of eight words. Kinds and flags are those of `packages/engine/src/events.ts`.

use bytes::Bytes;
use moqingbird_quic::Event;

use crate::arena::EVENT_WORDS;

const CONNECTED: u32 = 1;
const CLOSED: u32 = 2;
const DRAINED: u32 = 3;
const STREAM: u32 = 4;
const DATA: u32 = 5;
const RESET: u32 = 6;
const STOP: u32 = 7;
const ACKED: u32 = 8;
const RELEASED: u32 = 9;
const DATAGRAM: u32 = 10;
const DATAGRAM_DROPPED: u32 = 11;
const TIMER: u32 = 12;
const PATH: u32 = 13;
const CREDIT: u32 = 14;
const KEY_LOG: u32 = 15;
const TRACE: u32 = 16;
const REFUSED: u32 = 17;
const DATAGRAM_ROOM: u32 = 18;

/// Kind, flags, connection, stream, high, low; pointer and length follow from the bytes.
type Head = [u32; 6];

/// Writes one event; its bytes go to `held` and stay there until the next call for events or packets.
pub(crate) fn write(event: Event, words: &mut [u32], held: &mut Vec<Bytes>) {
    let (head, bytes) = split(event);
    words[..6].copy_from_slice(&head);
    (words[6], words[EVENT_WORDS - 1]) = match bytes {
        Some(bytes) => {
            let place = (bytes.as_ptr() as u32, bytes.len() as u32);
            held.push(bytes);
            place
        }
        None => (0, 0),
    };
}

fn split(event: Event) -> (Head, Option<Bytes>) {
    match event {
        Event::Connected { connection, endpoint, peer, server } => {
            ([CONNECTED, server.into(), connection, endpoint, peer, 0], None)
        }
        Event::Closed { connection, endpoint, by, code, reason } => {
            ([CLOSED, by as u32, connection, endpoint, high(code), code as u32], Some(reason))
        }
        Event::Drained { connection } => ([DRAINED, 0, connection, 0, 0, 0], None),
        Event::Stream { connection, stream, id, uni } => {
            ([STREAM, uni.into(), connection, stream, high(id), id as u32], None)
        }
        Event::Data { connection, stream, bytes, fin } => ([DATA, fin.into(), connection, stream, 0, 0], Some(bytes)),
        Event::Reset { connection, stream, code } => ([RESET, 0, connection, stream, high(code), code as u32], None),
        Event::Stop { connection, stream, code } => ([STOP, 0, connection, stream, high(code), code as u32], None),
        Event::Acked { connection, stream } => ([ACKED, 0, connection, stream, 0, 0], None),
        Event::Released { connection, stream } => ([RELEASED, 0, connection, stream, 0, 0], None),
        Event::Datagram { connection, bytes } => ([DATAGRAM, 0, connection, 0, 0, 0], Some(bytes)),
        Event::DatagramDropped { connection, why, count } => {
            ([DATAGRAM_DROPPED, why as u32, connection, 0, 0, count], None)
        }
        Event::DatagramRoom { connection, queued } => ([DATAGRAM_ROOM, 0, connection, 0, 0, queued], None),
        Event::Timer { timer } => ([TIMER, 0, 0, timer, 0, 0], None),
        Event::Path { connection, peer } => ([PATH, 0, connection, peer, 0, 0], None),
        Event::KeyLog { tag, line } => ([KEY_LOG, 0, 0, 0, 0, tag], Some(line)),
        Event::Trace { records } => ([TRACE, 0, 0, 0, 0, 0], Some(records)),
        Event::Refused { endpoint, peer, code, reason } => {
            ([REFUSED, 0, endpoint, peer, high(code), code as u32], Some(reason))
        }
        Event::Credit { connection, uni } => ([CREDIT, uni.into(), connection, 0, 0, 0], None),
    }
}

fn high(value: u64) -> u32 {
    (value >> 32) as u32
}
