//! Fixed memory: `memory.grow` would detach every view the host holds. And a count of what is in use, because a trap for
//! want of memory would end all connections.

#[cfg(target_arch = "wasm32")]
use std::alloc::System;
use std::hint::black_box;

#[cfg(target_arch = "wasm32")]
use moqingbird_heap::SizeClasses;

/// What the module is linked with (`--max-memory`, .cargo/config.toml).
const MEMORY_BYTES: usize = 256 << 20;
/// Steps in which the free rest is felt for.
const STEP: usize = 64 << 10;

/// Part of the budget that freed blocks may take while they wait to be used again.
const WAITING_SHARE: usize = 64;

#[cfg(target_arch = "wasm32")]
#[global_allocator]
static HEAP: SizeClasses<System> = SizeClasses::new(System, MEMORY_BYTES / WAITING_SHARE);

/// The system's own allocator natively, where nothing is counted.
#[cfg(not(target_arch = "wasm32"))]
static HEAP: Uncounted = Uncounted;

#[cfg(not(target_arch = "wasm32"))]
struct Uncounted;

#[cfg(not(target_arch = "wasm32"))]
impl Uncounted {
    fn in_use(&self) -> usize {
        0
    }

    fn requests(&self) -> u64 {
        0
    }

    fn keep(&self, _most: usize) {}
}

/// Bytes in use by the engine.
pub(crate) fn in_use() -> usize {
    HEAP.in_use()
}

/// Requests for memory since the start.
pub(crate) fn requests() -> u64 {
    HEAP.requests()
}

/// Takes note of a budget.
pub(crate) fn keep_to(budget_bytes: usize) {
    HEAP.keep(budget_bytes / WAITING_SHARE);
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
