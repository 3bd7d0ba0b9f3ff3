//! What connections tell of themselves to those who ask: TLS secrets, and every packet in the clear with what the state
//! machine makes of it. quinn-proto takes its cryptography and its congestion controller from outside, so this is a layer
//! around both, made only for the configurations that ask; all others have nothing of it in their path.

mod controller;
mod key_log;
mod keys;
mod observer;

pub(crate) use controller::ObservedFactory;
pub(crate) use key_log::KeyLines;
pub(crate) use keys::{ObservedClient, ObservedServer};
pub(crate) use observer::{Observer, Trace};

/// What the connections of a configuration tell. The numbers are the host's choice and come back to it; 0 is silence.
#[derive(Clone, Copy, Debug, Default)]
pub struct Observing {
    /// Comes with [`crate::Event::KeyLog`].
    pub key_log: u32,
    /// Comes with the first record of a connection in [`crate::Event::Trace`].
    pub trace: u32,
}
