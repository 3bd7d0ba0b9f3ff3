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
//! ```
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
use moqingbird_quic::Instance;

/// Everything behind the exports.
struct Abi {
    engine: Instance,
    arenas: Arenas,
    last_error: String,
}

thread_local! {
    static ABI: RefCell<Option<Abi>> = const { RefCell::new(None) };
}

/// Runs a call on the started engine. The host never calls before `start` nor from inside `prepare`; a trap otherwise.
fn with<T>(call: impl FnOnce(&mut Abi) -> T) -> T {
    ABI.with_borrow_mut(|abi| call(abi.as_mut().expect("start comes first")))
}
