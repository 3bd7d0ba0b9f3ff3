//! Calls of the packet path: numbers in, numbers out, negative ones are statuses. The host calls the raw exports; the
//! glue that wasm-bindgen makes for them is not used.

use moqingbird_quic::{Datagram, Dir, Engine, Error, Prepared, SLOT_BYTES, Source};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::{
    arena::{EVENT_SLOTS, EVENT_WORDS, RX_SLOTS, RX_WORDS, TX_WORDS},
    memory, record, with,
};

const PREPARED_LENGTH: i32 = 0xff_ffff;
const PREPARED_FIN: i32 = 1 << 24;
const PREPARED_MORE: i32 = 1 << 25;

#[wasm_bindgen]
extern "C" {
    /// Writes at most `max` bytes of the stream at `offset`; length, FIN and MORE, or -1.
    #[wasm_bindgen(js_namespace = host)]
    fn prepare(connection: u32, stream: u32, offset: u32, max: u32) -> i32;
}

/// The host as the source of stream bytes.
struct Host;

impl Source for Host {
    fn prepare(&mut self, connection: u32, stream: u32, target: &mut [u8]) -> Prepared {
        let answer = prepare(connection, stream, target.as_mut_ptr() as u32, target.len() as u32);
        if answer < 0 {
            return Prepared { failed: true, ..Prepared::default() };
        }
        Prepared {
            length: (answer & PREPARED_LENGTH) as usize,
            fin: answer & PREPARED_FIN != 0,
            more: answer & PREPARED_MORE != 0,
            failed: false,
        }
    }
}

fn status(result: Result<(), Error>) -> i32 {
    result.map_or_else(|error| error.status(), |()| 0)
}

fn handle(result: Result<u32, Error>) -> i32 {
    result.map_or_else(|error| error.status(), |handle| handle as i32)
}

fn key(k3: u32, k2: u32, k1: u32, k0: u32) -> u128 {
    u128::from(k3) << 96 | u128::from(k2) << 64 | u128::from(k1) << 32 | u128::from(k0)
}

fn code(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

/// Takes the packets of records 0 … count - 1.
#[wasm_bindgen]
pub fn ingest(count: u32, now: f64) -> u32 {
    with(|abi| {
        let count = (count as usize).min(RX_SLOTS);
        abi.take_returned();
        abi.engine.note_memory(memory::in_use(), now as u64);
        for index in 0..count {
            let words = &abi.arenas.rx_records[index * RX_WORDS..][..RX_WORDS];
            let length = ((words[0] & 0xffff) as usize).min(SLOT_BYTES);
            let datagram = Datagram {
                endpoint: words[1],
                peer: words[2],
                ecn: (words[0] >> 16) as u8 & 3,
                bytes: &abi.arenas.rx[index * SLOT_BYTES..][..length],
            };
            abi.engine.ingest(datagram, now as u64);
        }
        abi.engine.settle(now as u64);
        count as u32
    })
}

/// Fires what is due.
#[wasm_bindgen]
pub fn timers(now: f64) {
    with(|abi| abi.engine.fire_timers(now as u64));
}

/// A one-shot application timer.
#[wasm_bindgen]
pub fn arm_timer(deadline: f64) -> i32 {
    with(|abi| handle(abi.engine.arm_timer(deadline as u64)))
}

/// 0, or -1 when it is dead.
#[wasm_bindgen]
pub fn cancel_timer(timer: u32) -> i32 {
    with(|abi| if abi.engine.cancel_timer(timer) { 0 } else { Error::StaleHandle.status() })
}

/// Builds packets; how many TX records there are.
#[wasm_bindgen]
pub fn pump(now: f64, budget: u32) -> u32 {
    with(|abi| {
        abi.take_returned();
        abi.arenas.held.clear();
        abi.engine.note_memory(memory::in_use(), now as u64);
        let count = abi.engine.pump(now as u64, budget as usize, &mut Host);
        for (index, words) in abi.arenas.tx_records.chunks_exact_mut(TX_WORDS).take(count).enumerate() {
            let record = abi.engine.transmit_record(index);
            words.copy_from_slice(&[
                u32::from(record.slot) | u32::from(record.length) << 16,
                record.endpoint,
                record.peer,
                u32::from(record.segment) | u32::from(record.ecn) << 16,
            ]);
        }
        count as u32
    })
}

/// Fills the event records; how many.
#[wasm_bindgen]
pub fn events() -> u32 {
    with(|abi| {
        abi.arenas.held.clear();
        abi.engine.begin_events();
        let mut count = 0;
        for words in abi.arenas.events.chunks_exact_mut(EVENT_WORDS).take(EVENT_SLOTS) {
            let Some(event) = abi.engine.poll_event() else { break };
            record::write(event, words, &mut abi.arenas.held);
            count += 1;
        }
        count
    })
}

/// The index of an address: family 4 or 6, its words in network order.
#[wasm_bindgen]
pub fn intern_peer(family: u32, w0: u32, w1: u32, w2: u32, w3: u32, port: u32) -> i32 {
    let Ok(port) = u16::try_from(port) else { return Error::AddressInvalid.status() };
    let address = if family == 4 {
        (std::net::Ipv4Addr::from(w0), port).into()
    } else {
        (std::net::Ipv6Addr::from(key(w0, w1, w2, w3)), port).into()
    };
    with(|abi| handle(abi.engine.intern_peer(address)))
}

/// A new outgoing stream.
#[wasm_bindgen]
pub fn open_stream(connection: u32, direction: u32, k3: u32, k2: u32, k1: u32, k0: u32) -> i32 {
    let dir = if direction == 0 { Dir::Bi } else { Dir::Uni };
    with(|abi| handle(abi.engine.open_stream(connection, dir, key(k3, k2, k1, k0))))
}

/// Bytes wait.
#[wasm_bindgen]
pub fn activate(stream: u32) -> i32 {
    with(|abi| status(abi.engine.activate(stream)))
}

/// Another place in the order.
#[wasm_bindgen]
pub fn set_key(stream: u32, k3: u32, k2: u32, k1: u32, k0: u32) -> i32 {
    with(|abi| status(abi.engine.set_key(stream, key(k3, k2, k1, k0))))
}

/// Abandons our sending side.
#[wasm_bindgen]
pub fn reset(stream: u32, high: u32, low: u32) -> i32 {
    with(|abi| status(abi.engine.reset(stream, code(high, low))))
}

/// Asks the peer to stop.
#[wasm_bindgen]
pub fn stop(stream: u32, high: u32, low: u32) -> i32 {
    with(|abi| status(abi.engine.stop(stream, code(high, low))))
}

/// As many more bytes may be delivered.
#[wasm_bindgen]
pub fn credit(stream: u32, bytes: u32) -> i32 {
    with(|abi| status(abi.engine.credit(stream, u64::from(bytes))))
}

/// QUIC's id, or -1.
#[wasm_bindgen]
pub fn stream_id(stream: u32) -> f64 {
    with(|abi| abi.engine.stream_id(stream).ok().flatten().map_or(-1.0, |id| id as f64))
}

/// Queues what lies in the datagram slot.
#[wasm_bindgen]
pub fn send_datagram(connection: u32, length: u32, k3: u32, k2: u32, k1: u32, k0: u32, deadline: f64) -> i32 {
    with(|abi| {
        let Some(payload) = abi.arenas.datagram.get(..length as usize) else { return 0 };
        let payload = bytes::Bytes::copy_from_slice(payload);
        let queued = abi.engine.send_datagram(connection, payload, key(k3, k2, k1, k0), deadline as u64);
        queued.map_or_else(|error| error.status(), |queued| queued.map_or(0, |queued| queued as i32))
    })
}

/// Largest payload now.
#[wasm_bindgen]
pub fn max_datagram_size(connection: u32) -> i32 {
    with(|abi| abi.engine.max_datagram_size(connection).map_or_else(|error| error.status(), |size| size as i32))
}
