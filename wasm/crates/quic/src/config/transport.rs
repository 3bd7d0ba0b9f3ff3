//! Transport behaviour of a configuration's connections. Units and defaults stand in the host's options.

use std::sync::Arc;

use quinn_proto::{
    AckFrequencyConfig, Dir, IdleTimeout, MtuDiscoveryConfig, TransportConfig, VarInt,
    congestion::{ControllerFactory, NewRenoConfig},
};
use web_time::Duration;

use crate::{
    Error,
    congestion::{BbrFactory, CubicFactory, Guided},
    observe::{ObservedFactory, Observer},
};

/// A congestion controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Congestion {
    /// RFC 9438.
    Cubic,
    /// RFC 9002.
    NewReno,
    /// BBR version 1.
    Bbr,
}

/// Numbers of one configuration.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // One line per field beside its default, in packages/engine/src/options.ts.
pub struct TransportSettings {
    pub idle_timeout_ms: u64,
    pub keep_alive_ms: u64,
    pub handshake_timeout_ms: u64,
    pub stream_receive_window: u64,
    pub connection_receive_window: u64,
    pub send_window: u64,
    pub max_uni_streams: u64,
    pub max_bidi_streams: u64,
    pub stream_credit_bytes: u64,
    pub initial_mtu: u16,
    pub max_mtu: u16,
    pub datagram_receive_bytes: usize,
    pub datagram_queue: usize,
    pub initial_rtt_ms: u64,
    pub ack_every_packets: u64,
    pub congestion: Congestion,
}

/// A packet counts as lost when so many later ones, or this part of a round trip after its own acknowledgement was due, are
/// acknowledged. RFC 9002 section 6.1 recommends 3 and 9/8, and allows more: quinn-proto learns nothing from packets that turn
/// up late, so that at 3 and 9/8 a path which holds one packet in ten for half a round trip keeps cubic at 15 % of its rate,
/// and at these at 99 %. The price is a repair that begins half a round trip later.
const REORDER_PACKETS: u32 = 16;
const REORDER_RTTS: f32 = 1.75;
/// Longest a peer that knows ACK frequency may wait with an acknowledgement. It lengthens the round trips of a window that is
/// smaller than what an acknowledgement covers, which is what a lossy path makes of windows.
const MAX_ACK_DELAY: Duration = Duration::from_millis(2);
/// Streams of each direction that a new connection allows, where its limit is not lower. quinn-proto enters every stream it
/// allows in its tables at once, up to 50 bytes each: these fit the smallest tables that hold a session which only listens.
const FIRST_UNI_STREAMS: u64 = 20;
const FIRST_BIDI_STREAMS: u64 = 8;
/// The peer that opens its n-th stream of a direction gets the whole limit.
pub(crate) const STREAMS_OF_AN_IDLE_PEER: u64 = 4;
/// Numbers in [`TransportSettings::from_numbers`].
const FIELDS: usize = 16;

impl TransportSettings {
    /// From the host's array, in the order of the fields above.
    pub fn from_numbers(numbers: &[f64]) -> Result<Self, Error> {
        let numbers: &[f64; FIELDS] = numbers
            .try_into()
            .map_err(|_| Error::OptionInvalid(format!("the transport has {FIELDS} numbers, not {}", numbers.len())))?;
        let [
            idle,
            keep_alive,
            handshake,
            stream_window,
            window,
            send_window,
            uni,
            bidi,
            credit,
            initial_mtu,
            max_mtu,
            datagram_bytes,
            datagram_queue,
            initial_rtt,
            ack_every,
            congestion,
        ] = numbers.map(|number| number as u64);
        Ok(Self {
            idle_timeout_ms: idle,
            keep_alive_ms: keep_alive,
            handshake_timeout_ms: handshake,
            stream_receive_window: stream_window,
            connection_receive_window: window,
            send_window,
            max_uni_streams: uni,
            max_bidi_streams: bidi,
            stream_credit_bytes: credit,
            initial_mtu: initial_mtu.clamp(1200, crate::SLOT_BYTES as u64) as u16,
            max_mtu: max_mtu.clamp(1200, crate::SLOT_BYTES as u64) as u16,
            datagram_receive_bytes: datagram_bytes as usize,
            datagram_queue: datagram_queue as usize,
            initial_rtt_ms: initial_rtt,
            ack_every_packets: ack_every,
            congestion: match congestion {
                1 => Congestion::NewReno,
                2 => Congestion::Bbr,
                _ => Congestion::Cubic,
            },
        })
    }

    /// Streams of a direction the peer may have open in the end, and at first.
    pub(crate) fn streams(&self, dir: Dir) -> (u64, u64) {
        let (limit, first) = match dir {
            Dir::Uni => (self.max_uni_streams, FIRST_UNI_STREAMS),
            Dir::Bi => (self.max_bidi_streams, FIRST_BIDI_STREAMS),
        };
        (limit, limit.min(first))
    }

    /// `observer`: whom the congestion controller tells what it learns.
    pub(super) fn quic(&self, observer: Option<&Arc<Observer>>) -> Result<TransportConfig, Error> {
        let mut config = TransportConfig::default();
        let controller: Arc<dyn ControllerFactory + Send + Sync> = match self.congestion {
            Congestion::Cubic => Arc::new(CubicFactory),
            Congestion::NewReno => Arc::new(NewRenoConfig::default()),
            Congestion::Bbr => Arc::new(BbrFactory),
        };
        let controller = Arc::new(Guided::over(controller));
        let controller: Arc<dyn ControllerFactory + Send + Sync> = match observer {
            Some(observer) => Arc::new(ObservedFactory { inner: controller, observer: observer.clone() }),
            None => controller,
        };
        let idle = match self.idle_timeout_ms {
            0 => None,
            ms => Some(IdleTimeout::from(varint("the idle time-out", ms)?)),
        };
        config
            .max_idle_timeout(idle)
            .keep_alive_interval((self.keep_alive_ms > 0).then(|| Duration::from_millis(self.keep_alive_ms)))
            .stream_receive_window(varint("the stream window", self.stream_receive_window)?)
            .receive_window(varint("the connection window", self.connection_receive_window)?)
            .send_window(self.send_window)
            .max_concurrent_uni_streams(varint("the number of streams", self.streams(Dir::Uni).1)?)
            .max_concurrent_bidi_streams(varint("the number of streams", self.streams(Dir::Bi).1)?)
            .initial_mtu(self.initial_mtu)
            .initial_rtt(Duration::from_millis(self.initial_rtt_ms))
            .congestion_controller_factory(controller)
            .datagram_receive_buffer_size((self.datagram_receive_bytes > 0).then_some(self.datagram_receive_bytes))
            // Datagrams wait in our own queue; quinn-proto holds those of the packet being built.
            .datagram_send_buffer_size(16 << 10)
            .enable_segmentation_offload(false);
        config.packet_threshold(REORDER_PACKETS).time_threshold(REORDER_RTTS);
        let discovery = (self.max_mtu > self.initial_mtu).then(|| {
            let mut discovery = MtuDiscoveryConfig::default();
            discovery.upper_bound(self.max_mtu);
            discovery
        });
        config.mtu_discovery_config(discovery);
        if self.ack_every_packets > 0 {
            let mut frequency = AckFrequencyConfig::default();
            // The threshold counts packets that need no immediate ACK: one less than "every n".
            frequency
                .ack_eliciting_threshold(varint("the ACK threshold", self.ack_every_packets - 1)?)
                .max_ack_delay(Some(MAX_ACK_DELAY))
                // A packet that was late is acknowledged at once (RFC 9000 section 13.2.1), before it counts as lost.
                .reordering_threshold(VarInt::from_u32(1));
            config.ack_frequency_config(Some(frequency));
        }
        Ok(config)
    }
}

fn varint(what: &str, value: u64) -> Result<VarInt, Error> {
    VarInt::from_u64(value).map_err(|_| Error::OptionInvalid(format!("{what} is above 2^62 - 1")))
}
