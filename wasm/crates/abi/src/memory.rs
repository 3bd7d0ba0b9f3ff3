//! Fixed memory: `memory.grow` would detach every view the host holds.

use std::hint::black_box;

/// What the module is linked with (`--max-memory`).
pub(crate) const MEMORY_BYTES: usize = 256 << 20;
/// Steps in which the free rest is felt for.
const STEP: usize = 64 << 10;

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
