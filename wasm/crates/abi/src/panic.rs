//! What a panic said, where the host finds it when the trap has ended the module: nothing can be called then, but the
//! memory can be read.

use std::{
    io::{Cursor, Write},
    panic,
    sync::Mutex,
};

const MESSAGE_BYTES: usize = 512;

/// UTF-8, ended by a zero or by its own end; may be cut inside a character.
static MESSAGE: Mutex<[u8; MESSAGE_BYTES]> = Mutex::new([0; MESSAGE_BYTES]);

/// Keeps the sentence of a panic.
pub(crate) fn keep_message() {
    panic::set_hook(Box::new(|info| {
        if let Ok(mut message) = MESSAGE.try_lock() {
            // What does not fit is cut.
            let _ = write!(Cursor::new(&mut message[..]), "{info}");
        }
    }));
}

/// Where the message is, and its size at most.
pub(crate) fn place() -> (u32, u32) {
    let address = MESSAGE.try_lock().map_or(0, |message| message.as_ptr() as u32);
    (address, MESSAGE_BYTES as u32)
}
