//! Fixed memory: `memory.grow` would detach every view the host holds. And a count of what is in use, because a trap for
//! want of memory would end all connections.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    hint::black_box,
};

/// What the module is linked with (`--max-memory`, .cargo/config.toml).
const MEMORY_BYTES: usize = 256 << 20;
/// Steps in which the free rest is felt for.
const STEP: usize = 64 << 10;

thread_local! {
    static IN_USE: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, with a count of the bytes in use.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call goes to `System` unchanged; counting neither allocates nor touches the memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are passed on.
        let block = unsafe { System.alloc(layout) };
        if !block.is_null() {
            IN_USE.set(IN_USE.get() + layout.size());
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        IN_USE.set(IN_USE.get().saturating_sub(layout.size()));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are passed on.
        let block = unsafe { System.alloc_zeroed(layout) };
        if !block.is_null() {
            IN_USE.set(IN_USE.get() + layout.size());
        }
        block
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's promises are passed on.
        let moved = unsafe { System.realloc(block, layout, size) };
        if !moved.is_null() {
            IN_USE.set((IN_USE.get() + size).saturating_sub(layout.size()));
        }
        moved
    }
}

/// Bytes in use by the engine.
pub(crate) fn in_use() -> usize {
    IN_USE.get()
}

/// Claims all memory there is: Rust's allocator grows it as far as it goes and keeps it. Pages are not touched, so this
/// costs address space, not RAM.
pub(crate) fn claim() {
    let mut size = MEMORY_BYTES;
    while size >= STEP {
        let mut block: Vec<u8> = Vec::new();
        if block.try_reserve_exact(size).is_ok() {
            // Or the optimiser removes the allocation.
            black_box(block.as_mut_ptr());
            return;
        }
        size -= STEP;
    }
}
