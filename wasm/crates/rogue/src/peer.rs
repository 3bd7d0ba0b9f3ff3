//! One connection of the rogue: a proper handshake as far as it is not told otherwise, then only what it is told to send.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use rustls::{
    ClientConfig,
    quic::{Connection, DirectionalKeys, KeyChange, Keys, Version},
};

use crate::{
    Frames, Heard, Parameters, Shape, Space,
    packet::{self, Kind},
    parameters::parameter,
    tls::{self, ClientHello},
};

/// A client's first packets fill a datagram of this size (RFC 9000 section 14.1).
const INITIAL_BYTES: usize = 1200;
/// CRYPTO bytes per packet.
const CRYPTO_BYTES: usize = 1000;
/// Received packet numbers remembered for acknowledgements.
const REMEMBERED: usize = 256;

/// What the peer does before it obeys.
#[derive(Clone, Debug)]
pub struct Options {
    /// Offered, or chosen from.
    pub alpn: &'static [&'static str],
    /// Without the connection ids, which depend on the handshake.
    pub parameters: Parameters,
    /// Says its initial_source_connection_id, and as a server the client's original one.
    pub tells_ids: bool,
    /// How the ClientHello is spoilt.
    pub hello: ClientHello,
    /// Makes its connection ids.
    pub seed: u64,
    /// Of a client that comes again; see [`crate::client_config`]. Otherwise one of its own, for `alpn`.
    pub tls: Option<Arc<ClientConfig>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            alpn: &["test"],
            parameters: Parameters::usual(),
            tells_ids: true,
            hello: ClientHello::Usual,
            seed: 1,
            tls: None,
        }
    }
}

/// Where the handshake stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hello {
    /// Under way.
    UnderWay,
    /// 1-RTT packets may be sent.
    Done,
    /// TLS refused what it read.
    Failed,
}

#[derive(Default)]
struct Numbers {
    keys: Option<Keys>,
    next: u64,
    received: BTreeSet<u64>,
    ack_due: bool,
    /// CRYPTO bytes in, by offset, as far as they wait for earlier ones.
    crypto: BTreeMap<u64, Vec<u8>>,
    crypto_in: u64,
    crypto_out: u64,
}

/// A QUIC client or server under the test's control.
pub struct Peer {
    options: Options,
    server: bool,
    tls: Option<Connection>,
    level: Space,
    spaces: [Numbers; 3],
    /// Of a client with a ticket for 0-RTT.
    early: Option<DirectionalKeys>,
    /// Our connection id.
    pub id: Vec<u8>,
    /// The other end's, as we address it.
    pub remote: Vec<u8>,
    /// What the client's first packet was addressed to.
    pub original: Vec<u8>,
    /// Everything heard, in order.
    pub heard: Vec<(Space, Heard)>,
    /// Answers packets with ACKs.
    pub acknowledges: bool,
    /// Sends what TLS wants to say.
    pub talks_tls: bool,
    /// Where the handshake stands.
    pub hello: Hello,
    outbox: Vec<Vec<u8>>,
}

impl Peer {
    /// A client; its first packets wait to be taken.
    #[must_use]
    pub fn client(options: Options) -> Self {
        let mut peer = Self::new(options, false);
        peer.original = peer.identifier(1);
        peer.remote = peer.original.clone();
        let mut parameters = peer.options.parameters.clone();
        if peer.options.tells_ids {
            parameters = parameters.with(parameter::INITIAL_SOURCE_CONNECTION_ID, &peer.id);
        }
        let config = peer.options.tls.clone().unwrap_or_else(|| tls::client_config(peer.options.alpn));
        peer.begin(tls::client(config, parameters.encode(), peer.options.hello));
        peer.write_tls();
        peer.early = peer.tls.as_ref().and_then(Connection::zero_rtt_keys);
        peer
    }

    /// A server that waits for one client.
    #[must_use]
    pub fn server(options: Options) -> Self {
        Self::new(options, true)
    }

    fn new(options: Options, server: bool) -> Self {
        let mut peer = Self {
            options,
            server,
            tls: None,
            level: Space::Initial,
            spaces: Default::default(),
            early: None,
            id: Vec::new(),
            remote: Vec::new(),
            original: Vec::new(),
            heard: Vec::new(),
            acknowledges: true,
            talks_tls: true,
            hello: Hello::UnderWay,
            outbox: Vec::new(),
        };
        peer.id = peer.identifier(0);
        peer
    }

    fn identifier(&self, which: u8) -> Vec<u8> {
        let mut id = self.options.seed.to_be_bytes().to_vec();
        id[0] ^= 0xa0 | which | u8::from(self.server) << 2;
        id
    }

    fn begin(&mut self, tls: Connection) {
        let side = if self.server { rustls::Side::Server } else { rustls::Side::Client };
        let (suite, algorithm) = tls::initial_suite();
        self.spaces[0].keys = Some(Keys::initial(Version::V1, suite, algorithm, &self.original, side));
        self.tls = Some(tls);
    }

    /// Datagrams to send now: what was asked for, the handshake's, acknowledgements.
    pub fn take(&mut self) -> Vec<Vec<u8>> {
        if self.acknowledges {
            for space in [Space::Initial, Space::Handshake, Space::OneRtt] {
                if std::mem::take(&mut self.spaces[space as usize].ack_due) {
                    let frames = self.acknowledgement(space);
                    self.send(space, &frames);
                }
            }
        }
        std::mem::take(&mut self.outbox)
    }

    /// Sends a proper packet with these frames.
    pub fn send(&mut self, space: Space, frames: &Frames) {
        self.send_shaped(space, frames, &Shape::default());
    }

    /// Sends a packet with these frames and this header.
    pub fn send_shaped(&mut self, space: Space, frames: &Frames, shape: &Shape) {
        let packet = self.packet(space, frames, shape);
        self.outbox.push(packet);
    }

    /// Sends a 0-RTT packet with these frames. Panics without a ticket for it.
    pub fn send_early(&mut self, frames: &Frames) {
        self.send_shaped(Space::OneRtt, frames, &Shape { early: true, ..Shape::default() });
    }

    /// Sends any bytes.
    pub fn send_datagram(&mut self, datagram: Vec<u8>) {
        self.outbox.push(datagram);
    }

    /// A packet, not sent; those of a client's Initial space are padded to a full datagram. Panics without keys.
    pub fn packet(&mut self, space: Space, frames: &Frames, shape: &Shape) -> Vec<u8> {
        let mut payload = frames.0.clone();
        if space == Space::Initial && !self.server {
            let token = shape.token.len() + if shape.token.len() < 64 { 1 } else { 2 };
            // First byte, version, two lengths, the payload's length, packet number and tag.
            let header = 1 + 4 + 2 + self.remote.len() + self.id.len() + token + 2;
            payload.resize(payload.len().max(INITIAL_BYTES.saturating_sub(header + 4 + 16)), 0);
        }
        let numbers = &mut self.spaces[space as usize];
        let number = shape.number.unwrap_or(numbers.next);
        numbers.next = numbers.next.max(number + 1);
        let keys = if shape.early { self.early.as_ref() } else { numbers.keys.as_ref().map(|keys| &keys.local) };
        let keys = keys.expect("the handshake has not come so far");
        packet::protect(space, keys, (&self.remote, &self.id), number, &payload, shape)
    }

    /// The next packet number of a space.
    #[must_use]
    pub fn next_number(&self, space: Space) -> u64 {
        self.spaces[space as usize].next
    }

    /// The offset that the next CRYPTO frame of a space has.
    #[must_use]
    pub fn crypto_offset(&self, space: Space) -> u64 {
        self.spaces[space as usize].crypto_out
    }

    /// The largest packet number received.
    #[must_use]
    pub fn largest_received(&self, space: Space) -> Option<u64> {
        self.spaces[space as usize].received.last().copied()
    }

    /// Whether packets of the space can be made.
    #[must_use]
    pub fn has_keys(&self, space: Space) -> bool {
        self.spaces[space as usize].keys.is_some()
    }

    /// Takes a datagram. What cannot be decrypted is ignored.
    pub fn receive(&mut self, datagram: &[u8]) {
        let mut rest = datagram;
        while !rest.is_empty() {
            let Some(header) = packet::header(rest, self.id.len()) else { return };
            match header.kind {
                Kind::VersionNegotiation => self.heard.push((Space::Initial, Heard::VersionNegotiation)),
                Kind::Retry { source, token } => {
                    let heard = Heard::Retry { token: token.to_vec(), source: source.to_vec() };
                    self.heard.push((Space::Initial, heard));
                }
                Kind::Protected { space, source, destination } => {
                    if self.server && self.tls.is_none() {
                        self.accept(destination, source.unwrap_or_default());
                    }
                    let numbers = &mut self.spaces[space as usize];
                    let expected = numbers.received.last().map_or(0, |last| last + 1);
                    if let Some(keys) = &numbers.keys
                        && let Some((number, payload)) = packet::unprotect(rest, &header, keys, expected)
                    {
                        if let Some(source) = source {
                            self.remote = source.to_vec();
                        }
                        self.take_payload(space, number, &payload);
                    }
                }
            }
            rest = &rest[header.length..];
        }
    }

    fn accept(&mut self, original: &[u8], client: &[u8]) {
        self.original = original.to_vec();
        self.remote = client.to_vec();
        let mut parameters = self.options.parameters.clone();
        if self.options.tells_ids {
            parameters = parameters
                .with(parameter::INITIAL_SOURCE_CONNECTION_ID, &self.id)
                .with(parameter::ORIGINAL_DESTINATION_CONNECTION_ID, original);
        }
        self.begin(tls::server(self.options.alpn, parameters.encode()));
    }

    fn take_payload(&mut self, space: Space, number: u64, payload: &[u8]) {
        let frames = Heard::frames(payload);
        let numbers = &mut self.spaces[space as usize];
        numbers.ack_due |= frames.iter().any(Heard::is_ack_eliciting);
        numbers.received.insert(number);
        if numbers.received.len() > REMEMBERED {
            numbers.received.pop_first();
        }
        for frame in frames {
            if let Heard::Crypto { offset, bytes } = &frame {
                self.read_tls(space, *offset, bytes);
            }
            self.heard.push((space, frame));
        }
    }

    fn read_tls(&mut self, space: Space, offset: u64, bytes: &[u8]) {
        let numbers = &mut self.spaces[space as usize];
        numbers.crypto.insert(offset, bytes.to_vec());
        let mut ready = Vec::new();
        while let Some(entry) = numbers.crypto.first_entry() {
            let skip = numbers.crypto_in.checked_sub(*entry.key());
            let Some(skip) = skip else { break };
            let bytes = entry.remove();
            let fresh = bytes.get(skip as usize..).unwrap_or_default();
            ready.extend_from_slice(fresh);
            numbers.crypto_in += fresh.len() as u64;
        }
        let Some(tls) = &mut self.tls else { return };
        if !ready.is_empty() && tls.read_hs(&ready).is_err() {
            self.hello = Hello::Failed;
        }
        if self.talks_tls {
            self.write_tls();
        }
    }

    /// Sends what TLS has to say.
    pub fn write_tls(&mut self) {
        while let Some(tls) = &mut self.tls {
            let mut bytes = Vec::new();
            let change = tls.write_hs(&mut bytes);
            if bytes.is_empty() && change.is_none() {
                return;
            }
            if self.options.hello == ClientHello::WithoutParameters && self.level == Space::Initial {
                bytes = tls::strip_parameters(&bytes);
            }
            self.send_crypto(self.level, &bytes);
            match change {
                Some(KeyChange::Handshake { keys }) => {
                    self.level = Space::Handshake;
                    self.spaces[1].keys = Some(keys);
                }
                Some(KeyChange::OneRtt { keys, .. }) => {
                    self.level = Space::OneRtt;
                    self.spaces[2].keys = Some(keys);
                    self.hello = Hello::Done;
                }
                None => {}
            }
        }
    }

    /// Sends bytes of the TLS handshake as the next ones of the space.
    pub fn send_crypto(&mut self, space: Space, bytes: &[u8]) {
        for chunk in bytes.chunks(CRYPTO_BYTES) {
            let frames = Frames::new().crypto(self.crypto_offset(space), chunk);
            self.spaces[space as usize].crypto_out += chunk.len() as u64;
            self.send(space, &frames);
        }
    }

    fn acknowledgement(&self, space: Space) -> Frames {
        let mut numbers = self.spaces[space as usize].received.iter().rev().copied();
        let Some(largest) = numbers.next() else { return Frames::new().ping() };
        let mut ranges = vec![(largest, largest)];
        for number in numbers {
            match ranges.last_mut() {
                Some(last) if last.0 == number + 1 => last.0 = number,
                _ => ranges.push((number, number)),
            }
        }
        let further: Vec<_> =
            ranges.windows(2).map(|pair| (pair[0].0 - pair[1].1 - 2, pair[1].1 - pair[1].0)).collect();
        Frames::new().ack(largest, largest - ranges[0].0, &further)
    }

    /// The code and frame type of the transport error that ended the connection, once heard.
    #[must_use]
    pub fn close_heard(&self) -> Option<(u64, u64)> {
        self.heard.iter().find_map(|(_, heard)| match heard {
            Heard::Close { code, frame, .. } => Some((*code, *frame)),
            _ => None,
        })
    }

    /// Code of the application's CONNECTION_CLOSE, if one was heard.
    #[must_use]
    pub fn application_close_heard(&self) -> Option<u64> {
        self.heard.iter().find_map(|(_, heard)| match heard {
            Heard::ApplicationClose { code, .. } => Some(*code),
            _ => None,
        })
    }

    /// How many frames heard the test counts.
    #[must_use]
    pub fn count(&self, counts: impl Fn(&Heard) -> bool) -> usize {
        self.heard.iter().filter(|(_, heard)| counts(heard)).count()
    }
}
