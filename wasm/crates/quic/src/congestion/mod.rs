//! Congestion controllers of our own, in the place quinn-proto has for them.

mod bbr;
mod cubic;
mod delivery;
mod guided;

pub(crate) use bbr::BbrFactory;
pub(crate) use cubic::CubicFactory;
pub(crate) use guided::{Guided, Signals};

/// RFC 9002 section 7.2, for packets of 1200 bytes.
const INITIAL_WINDOW: u64 = 12_000;
