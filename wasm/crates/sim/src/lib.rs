//! One direction of a network link: when a packet that is given to it arrives, how often, and in what state. It holds no
//! packet, reads no clock and does no I/O; a seed decides everything, natively and in WebAssembly alike.
//!
//! A packet passes, in this order: listed drops, blackout, path MTU, random and burst loss, the queue before the rate,
//! suspension, latency and jitter, reordering, corruption, congestion marks, duplication. Each fault draws from a source of
//! its own, so that switching one off leaves the others where they were.

mod counters;
mod dice;
#[cfg(target_family = "wasm")]
pub mod exports;
mod link;
mod settings;

pub use counters::Counters;
pub use link::{ECN_CE, Fate, Fates, Link};
pub use settings::{Intervals, Jitter, LinkSettings};
