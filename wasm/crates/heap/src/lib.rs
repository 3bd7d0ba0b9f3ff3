//! Size classes before a slower allocator: a freed block waits in the list of its size for the next request of that size.
//!
//! A connection in motion asks for and frees the same few sizes all the time (a packet's record, a chunk of a stream, an
//! entry of a map): here either costs a few instructions. Blocks come one by one from the allocator behind and go back there
//! once as many bytes wait as may, so that memory never stays split between sizes that nobody asks for any more.

use std::{
    alloc::{GlobalAlloc, Layout},
    cell::Cell,
    ptr,
};

/// Sizes differ by this much; every block is aligned to half of it, as dlmalloc's are on 32 bits.
const GRAIN: usize = 16;
const ALIGNMENT: usize = 8;
/// Larger blocks (windows, tables, arenas) are asked of the allocator behind.
const LARGEST: usize = 2048;
const CLASSES: usize = LARGEST / GRAIN + 1;

/// A block that waits; the rest of it is not touched.
struct Waiting {
    next: *mut Waiting,
}

/// The lists, and what they count. For one thread.
pub struct SizeClasses<A> {
    behind: A,
    /// Bytes that may wait.
    most: Cell<usize>,
    lists: [Cell<*mut Waiting>; CLASSES],
    waiting: Cell<usize>,
    in_use: Cell<usize>,
    requests: Cell<u64>,
}

// SAFETY: WebAssembly without atomics has one thread.
#[cfg(all(target_arch = "wasm32", not(target_feature = "atomics")))]
unsafe impl<A: Sync> Sync for SizeClasses<A> {}

/// The class of a request; `None`: it is not for us.
fn class_of(layout: &Layout) -> Option<usize> {
    let fits = layout.size() <= LARGEST && layout.align() <= ALIGNMENT;
    fits.then(|| layout.size().div_ceil(GRAIN))
}

fn class_layout(class: usize) -> Layout {
    // SAFETY: at most LARGEST, a power of two as alignment.
    unsafe { Layout::from_size_align_unchecked(class * GRAIN, ALIGNMENT) }
}

impl<A: GlobalAlloc> SizeClasses<A> {
    /// Keeps at most `most` bytes of freed blocks.
    pub const fn new(behind: A, most: usize) -> Self {
        let lists = [const { Cell::new(ptr::null_mut()) }; CLASSES];
        let (waiting, in_use, requests) = (Cell::new(0), Cell::new(0), Cell::new(0));
        Self { behind, most: Cell::new(most), lists, waiting, in_use, requests }
    }

    /// Keeps at most `most` bytes from now on.
    pub fn keep(&self, most: usize) {
        self.most.set(most);
        if self.waiting.get() > most {
            self.give_back();
        }
    }

    /// Bytes in use, blocks as large as they are and not as they were asked for.
    pub fn in_use(&self) -> usize {
        self.in_use.get()
    }

    /// Requests so far.
    pub fn requests(&self) -> u64 {
        self.requests.get()
    }

    fn note(&self, bytes: usize) {
        self.in_use.set(self.in_use.get() + bytes);
        self.requests.set(self.requests.get() + 1);
    }

    fn forget(&self, bytes: usize) {
        self.in_use.set(self.in_use.get() - bytes);
    }

    /// A block that has to be asked for; what waits is given up before the request fails.
    #[cold]
    #[inline(never)]
    fn fetch(&self, layout: Layout, zeroed: bool) -> *mut u8 {
        // SAFETY: no layout here has a size of 0; its caller promised that.
        let ask = || unsafe { if zeroed { self.behind.alloc_zeroed(layout) } else { self.behind.alloc(layout) } };
        let mut block = ask();
        if block.is_null() && self.waiting.get() > 0 {
            self.give_back();
            block = ask();
        }
        if !block.is_null() {
            self.note(layout.size());
        }
        block
    }

    /// Gives all that waits to the allocator behind.
    fn give_back(&self) {
        for (class, list) in self.lists.iter().enumerate() {
            let mut head = list.replace(ptr::null_mut());
            while !head.is_null() {
                // SAFETY: what is in a list is a free block of its class, and it is read before it is given away.
                unsafe {
                    let next = (*head).next;
                    self.behind.dealloc(head.cast(), class_layout(class));
                    head = next;
                }
            }
        }
        self.waiting.set(0);
    }
}

// SAFETY: a block is in a list or in use, never both; a list holds only blocks of its class; its owner has promised to
// free a block with the layout it was asked for, which names the class again.
unsafe impl<A: GlobalAlloc> GlobalAlloc for SizeClasses<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(class) = class_of(&layout) else { return self.fetch(layout, false) };
        let head = self.lists[class].get();
        if head.is_null() {
            return self.fetch(class_layout(class), false);
        }
        // SAFETY: a block in a list is free and holds its successor.
        self.lists[class].set(unsafe { (*head).next });
        self.waiting.set(self.waiting.get() - class * GRAIN);
        self.note(class * GRAIN);
        head.cast()
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(class) = class_of(&layout) else {
            self.forget(layout.size());
            // SAFETY: it came from there, with this layout.
            return unsafe { self.behind.dealloc(block, layout) };
        };
        let size = class * GRAIN;
        self.forget(size);
        let waiting = self.waiting.get() + size;
        if waiting > self.most.get() {
            // SAFETY: it came from there, with its class's layout.
            return unsafe { self.behind.dealloc(block, class_layout(class)) };
        }
        self.waiting.set(waiting);
        let list = &self.lists[class];
        let block = block.cast::<Waiting>();
        // SAFETY: the block is ours again, aligned to 8 bytes and of 16 at least.
        unsafe { block.write(Waiting { next: list.get() }) };
        list.set(block);
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if class_of(&layout).is_none() {
            return self.fetch(layout, true);
        }
        // SAFETY: the caller's promises are passed on; a block has at least the size it was asked for.
        unsafe {
            let block = self.alloc(layout);
            if !block.is_null() {
                block.write_bytes(0, layout.size());
            }
            block
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller promised that the new size, rounded up to the alignment, overflows nothing.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        let (from, to) = (class_of(&layout), class_of(&wanted));
        if from.is_some() && from == to {
            return block;
        }
        // SAFETY: the caller's promises are passed on; blocks in use do not overlap.
        unsafe {
            if from.is_none() && to.is_none() {
                let moved = self.behind.realloc(block, layout, size);
                if !moved.is_null() {
                    self.forget(layout.size());
                    self.note(size);
                }
                return moved;
            }
            let moved = self.alloc(wanted);
            if !moved.is_null() {
                ptr::copy_nonoverlapping(block, moved, size.min(layout.size()));
                self.dealloc(block, layout);
            }
            moved
        }
    }
}

#[cfg(test)]
mod tests {
    use std::alloc::System;

    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    /// Counts what is out, and has no more than so many bytes.
    struct Counted {
        out: Cell<usize>,
        most: usize,
    }

    // SAFETY: passes every call on, or fails.
    unsafe impl GlobalAlloc for Counted {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            if self.out.get() + layout.size() > self.most {
                return ptr::null_mut();
            }
            self.out.set(self.out.get() + layout.size());
            // SAFETY: passed on.
            unsafe { System.alloc(layout) }
        }

        unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
            self.out.set(self.out.get() - layout.size());
            // SAFETY: passed on.
            unsafe { System.dealloc(block, layout) }
        }
    }

    fn classes(most_waiting: usize, most_out: usize) -> SizeClasses<Counted> {
        SizeClasses::new(Counted { out: Cell::new(0), most: most_out }, most_waiting)
    }

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    /// Blocks with a pattern of their own in every byte: two that overlap, or one that moves without its bytes, are found.
    #[test]
    fn blocks_in_use_keep_their_bytes_through_any_order_of_requests() {
        for seed in 1..40u64 {
            let mut state = seed;
            let mut random = |below: usize| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) as usize % below
            };
            let heap = classes(20_000, usize::MAX);
            let mut blocks: Vec<(*mut u8, Layout, u8)> = Vec::new();
            for step in 0..4000usize {
                let mark = step as u8;
                let size = if random(10) == 0 { 1 + random(9000) } else { 1 + random(300) };
                let choice = random(5);
                if blocks.len() < 50 || choice < 2 {
                    let wanted = layout(size, 1 << random(6));
                    // SAFETY: not of size 0, and written within its size.
                    unsafe {
                        let block = if choice == 0 { heap.alloc_zeroed(wanted) } else { heap.alloc(wanted) };
                        assert_eq!(block as usize % wanted.align(), 0);
                        if choice == 0 {
                            assert!((0..size).all(|i| *block.add(i) == 0), "seed {seed}, step {step}");
                        }
                        block.write_bytes(mark, size);
                        blocks.push((block, wanted, mark));
                    }
                    continue;
                }
                let at = random(blocks.len());
                let (block, old, mark) = blocks.swap_remove(at);
                // SAFETY: in use, and of that size.
                let holds = |block: *mut u8, size: usize| unsafe { (0..size).all(|i| *block.add(i) == mark) };
                assert!(holds(block, old.size()), "seed {seed}, step {step}");
                // SAFETY: in use, with the layout it was asked for.
                unsafe {
                    if choice == 2 {
                        let moved = heap.realloc(block, old, size);
                        assert!(holds(moved, size.min(old.size())), "seed {seed}, step {step}");
                        moved.write_bytes(mark, size);
                        blocks.push((moved, layout(size, old.align()), mark));
                    } else {
                        heap.dealloc(block, old);
                    }
                }
                assert!(heap.waiting.get() <= 20_000);
                assert_eq!(heap.behind.out.get(), heap.in_use() + heap.waiting.get(), "seed {seed}, step {step}");
            }
            for (block, layout, _) in blocks {
                // SAFETY: in use, with the layout it was asked for.
                unsafe { heap.dealloc(block, layout) };
            }
            assert_eq!(heap.in_use(), 0);
            heap.give_back();
            assert_eq!(heap.behind.out.get(), 0);
        }
    }

    #[test]
    fn a_freed_block_serves_the_next_request_of_its_class() {
        let heap = classes(1 << 20, usize::MAX);
        // SAFETY: not of size 0; freed with the layout it was asked for.
        unsafe {
            let first = heap.alloc(layout(100, 8));
            heap.dealloc(first, layout(100, 8));
            assert_eq!(heap.alloc(layout(112, 4)), first);
            assert_eq!(heap.in_use(), 112);
            assert_eq!(heap.requests(), 2);
            heap.dealloc(first, layout(112, 4));
            heap.give_back();
        }
    }

    #[test]
    fn no_more_waits_than_may() {
        let heap = classes(1000, usize::MAX);
        // SAFETY: not of size 0; freed with the layout they were asked for.
        unsafe {
            let blocks: Vec<_> = (0..10).map(|_| heap.alloc(layout(200, 8))).collect();
            for block in blocks {
                heap.dealloc(block, layout(200, 8));
            }
        }
        assert_eq!(heap.waiting.get(), 4 * 208);
        heap.keep(500);
        assert_eq!(heap.behind.out.get(), 0);
    }

    #[test]
    fn what_waits_is_given_up_before_a_request_fails() {
        let heap = classes(1 << 20, 10_000);
        // SAFETY: not of size 0; freed with the layouts they were asked for.
        unsafe {
            let small: Vec<_> = (0..100).map(|_| heap.alloc(layout(96, 8))).collect();
            for block in small {
                heap.dealloc(block, layout(96, 8));
            }
            assert_eq!(heap.waiting.get(), 9600);
            let large = heap.alloc(layout(8000, 8));
            assert!(!large.is_null());
            assert_eq!(heap.waiting.get(), 0);
            assert!(heap.alloc(layout(4000, 8)).is_null());
            heap.dealloc(large, layout(8000, 8));
            assert_eq!(heap.in_use(), 0);
        }
    }
}
