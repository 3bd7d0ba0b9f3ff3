//! A QUIC peer that sends whatever it is told to. TLS is rustls'; packets, frames and transport parameters are written by
//! hand, so that any bit of them can be wrong. It has no timers, loses nothing, trusts every certificate, and speaks QUIC
//! version 1 only. For tests.

#![forbid(unsafe_code)]

mod frames;
mod heard;
mod packet;
mod parameters;
mod peer;
mod tls;
mod wire;

pub use frames::{Frames, MAX_VARINT};
pub use heard::Heard;
pub use packet::{Shape, Space, retry, version_negotiation};
pub use parameters::{Parameters, parameter};
pub use peer::{Hello, Options, Peer};
pub use tls::{ClientHello, certificate, client_config};
