//! Moqingbird's QUIC engine: sans-IO, on quinn-proto's state machine.
//!
//! ```text
//! ┌──────────────────────────────────────────────────────────────────────────────────────────────┐
//! │ Any number of inputs at one `now`, then `pump` until it reports idle or blocked, before time   │
//! │ moves: the engine reads no clock, socket or entropy, and binds at most one packet of new data. │
//! └──────────────────────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! A whole host:
//!
//! ```
//! use moqingbird_quic::*;
//!
//! /// Streams have nothing to say here.
//! struct Silent;
//! impl Source for Silent {
//!     fn prepare(&mut self, _connection: u32, _stream: u32, _target: &mut [u8]) -> Prepared {
//!         Prepared::default()
//!     }
//! }
//!
//! # fn packet_from_socket() -> Option<Vec<u8>> { None }
//! # fn send(_slot: &[u8], _peer: u32) {}
//! let mut now = 0; // microseconds
//! let mut engine = Instance::new(now, 1_700_000_000_000, [7; 32], Limits::default());
//! let endpoint = engine.open_endpoint(None, EndpointLimits::default()).unwrap();
//! let peer = engine.intern_peer("192.0.2.1:4433".parse().unwrap()).unwrap();
//! for _turn in 0..3 {
//!     while let Some(packet) = packet_from_socket() {
//!         engine.ingest(Datagram { endpoint, peer, ecn: 0, bytes: &packet }, now);
//!     }
//!     engine.settle(now); //               once per batch of packets
//!     engine.fire_timers(now);
//!     engine.begin_events();
//!     while let Some(event) = engine.poll_event() {
//!         println!("{event:?}"); //        calls of the engine are fine here
//!     }
//!     let count = engine.pump(now, 64, &mut Silent);
//!     for i in 0..count {
//!         let record = engine.transmit_record(i);
//!         send(engine.transmit_bytes(record.slot), record.peer);
//!         engine.release_slot(record.slot);
//!     }
//!     now = engine.next_deadline().unwrap_or(now + 1000); // or when the socket is readable
//! }
//! ```
//!
//! Knows nothing of wasm, JavaScript, UDP sockets, or what the bytes mean.

#![forbid(unsafe_code)]

mod chooser;
mod cids;
mod clock;
mod config;
mod congestion;
mod connection;
mod datagrams;
mod early;
mod endpoint;
mod engine;
mod error;
mod events;
mod expel;
mod face;
mod gaps;
mod handles;
mod ingest;
mod instance;
mod keyed;
#[cfg(test)]
mod model;
mod observe;
mod pacer;
mod peers;
mod pressure;
mod proof;
mod pump;
mod receive;
mod send;
mod shards;
mod sources;
mod stream;
mod transmit;
mod trust;
mod wheel;
mod zero_rtt;

pub use config::{ClientOptions, Congestion, Crypto, Keys, NamedCertificate, ServerOptions, TransportSettings, Trust};
pub use endpoint::EndpointLimits;
pub use engine::{
    ConnectionInfo, ConnectionStats, Datagram, EarlyData, Engine, Limits, Prepared, PumpEnd, Side, Source,
};
pub use error::Error;
pub use events::{ClosedBy, DatagramDrop, Event};
pub use instance::Instance;
pub use observe::Observing;
pub use peers::STABLE_INTERNS;
pub use pressure::MemoryStats;
pub use quinn_proto::Dir;
pub use transmit::{SLOT_BYTES, TX_SLOTS, TransmitRecord};
