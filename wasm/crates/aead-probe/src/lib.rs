//! The ciphers behind plain exports, so that tests and benchmarks reach them without the engine exporting them. One key and
//! one message at a time, in one buffer: key, nonce, tag, then header and message.

mod ciphers;

use std::cell::{RefCell, UnsafeCell};

use ciphers::{Keys, keys};
use moqingbird_aead::{NONCE_BYTES, TAG_BYTES};

const ARENA_BYTES: usize = 16 << 10;

struct Arena(UnsafeCell<[u8; ARENA_BYTES]>);

// SAFETY: wasm32-unknown-unknown without threads has one thread.
unsafe impl Sync for Arena {}

static ARENA: Arena = Arena(UnsafeCell::new([0; ARENA_BYTES]));

thread_local! {
    static KEYS: RefCell<Option<Keys>> = const { RefCell::new(None) };
}

/// Where the host writes: 32 bytes of key, 12 of nonce, 4 unused, 16 of tag, and from 64 on header and message.
#[unsafe(no_mangle)]
pub extern "C" fn arena() -> *mut u8 {
    ARENA.0.get().cast()
}

struct Parts<'a> {
    key: &'a [u8; 32],
    nonce: [u8; NONCE_BYTES],
    tag: &'a mut [u8; TAG_BYTES],
    header: &'a [u8],
    message: &'a mut [u8],
}

fn with<T>(header: usize, message: usize, call: impl FnOnce(Parts<'_>) -> T) -> T {
    // SAFETY: one thread, and nothing else borrows the arena while an export runs.
    let arena = unsafe { &mut *ARENA.0.get() };
    let (head, rest) = arena.split_at_mut(64);
    let (fixed, tag) = head.split_at_mut(48);
    let (header, rest) = rest.split_at_mut(header);
    call(Parts {
        key: fixed.first_chunk().expect("32 bytes"),
        nonce: std::array::from_fn(|i| fixed[32 + i]),
        tag: tag.first_chunk_mut().expect("16 bytes"),
        header,
        message: &mut rest[..message],
    })
}

fn with_keys<T>(call: impl FnOnce(&Keys) -> T) -> T {
    KEYS.with_borrow(|keys| call(keys.as_ref().expect("use_key comes first")))
}

/// Uses the key in the arena with the cipher of this number, from now on; see `ciphers.rs`.
#[unsafe(no_mangle)]
pub extern "C" fn use_key(number: usize) {
    with(0, 0, |parts| KEYS.set(Some(keys(number, parts.key))));
}

/// Seals the message in place and writes the tag.
#[unsafe(no_mangle)]
pub extern "C" fn seal_message(header: usize, message: usize) {
    with(header, message, |parts| {
        *parts.tag = with_keys(|keys| keys.packets.seal(&parts.nonce, parts.header, parts.message));
    });
}

/// Opens the message in place; 1 when it is genuine.
#[unsafe(no_mangle)]
pub extern "C" fn open_message(header: usize, message: usize) -> u32 {
    with(header, message, |parts| {
        u32::from(with_keys(|keys| keys.packets.open(&parts.nonce, parts.header, parts.message, parts.tag)))
    })
}

/// QUIC's header mask of the 16 bytes in the place of the tag, into the first five of them.
#[unsafe(no_mangle)]
pub extern "C" fn header_mask() {
    with(0, 0, |parts| {
        let mask = with_keys(|keys| keys.headers.header_mask(parts.tag));
        parts.tag[..5].copy_from_slice(&mask);
    });
}
