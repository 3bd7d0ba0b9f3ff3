//! The engine as a WebAssembly module: one instance per module instance, arenas and rings in its memory, numbers on hot
//! calls. No protocol logic, and the only import of our own is `prepare`.
//!
//! Memory the host reads and writes by offset:
//!
//! ```text
//! RX arena     512 slots of 2 KiB, written by the host      RX records   16 B: length | ecn << 16, endpoint, peer, 0
//! TX slots    1024 slots of 2 KiB, written by the engine    TX records   16 B: slot | length << 16, endpoint, peer,
//!                                                                              segment | ecn << 16
//! datagram    one slot, written by the host                 events      32 B: kind, flags, connection, stream,
//!                                                                              high, low, pointer, length
//! returned    1024 words, written by the host               marks       a byte per TX slot: 1 while it is in the list
//! status      next deadline (f64, -1: none), why the last pump ended, whether there are events, length of the list
//! ```
//!
//! The status stands after every call as that call left it: the host looks there instead of asking. TX slots it gives back
//! are listed, and taken from the list by the next `ingest` or `pump`.
//!
//! All of it is allocated once, and the whole memory is claimed at the start: its buffer never changes.

mod arena;
pub mod hot;
mod memory;
mod panic;
mod record;
pub mod setup;

use std::cell::RefCell;

use arena::Arenas;
use moqingbird_quic::{Engine, Instance};

/// Everything behind the exports.
struct Abi {
    engine: Instance,
    arenas: Arenas,
    last_error: String,
}

impl Abi {
    /// Brings the status up to date.
    fn publish(&mut self) {
        let Self { engine, arenas, .. } = self;
        arenas.status.next_deadline = engine.next_deadline().map_or(-1.0, |deadline| deadline as f64);
        arenas.status.pump_end = engine.pump_end() as u32;
        arenas.status.has_events = engine.has_events().into();
    }

    /// Takes back the slots that the host has listed.
    fn take_returned(&mut self) {
        let Self { engine, arenas, .. } = self;
        let count = std::mem::take(&mut arenas.status.returned) as usize;
        for &slot in arenas.tx_returned.iter().take(count) {
            if let (Ok(slot), Some(mark)) = (u16::try_from(slot), arenas.tx_marks.get_mut(slot as usize)) {
                *mark = 0;
                engine.release_slot(slot);
            }
        }
    }
}

thread_local! {
    static ABI: RefCell<Option<Abi>> = const { RefCell::new(None) };
}

/// Runs a call on the started engine. The host never calls before `start` nor from inside `prepare`; a trap otherwise.
fn with<T>(call: impl FnOnce(&mut Abi) -> T) -> T {
    ABI.with_borrow_mut(|abi| {
        let abi = abi.as_mut().expect("start comes first");
        let answer = call(abi);
        abi.publish();
        answer
    })
}
