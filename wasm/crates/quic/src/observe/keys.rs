//! TLS sessions whose packet keys show every packet on its way through, in the clear. Nothing is changed by being seen:
//! the same packets leave with and without.

use std::{
    any::Any,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::BytesMut;
use quinn_proto::{
    ConnectError, ConnectionId, Side, TransportError,
    crypto::{
        ClientConfig, CryptoError, ExportKeyingMaterialError, HeaderKey, KeyPair, Keys, PacketKey, ServerConfig,
        Session, UnsupportedVersion,
    },
    transport_parameters::TransportParameters,
};

use super::{Observer, Trace, observer::Kind};

/// A client's cryptography, observed.
pub(crate) struct ObservedClient<C> {
    pub(crate) inner: Arc<C>,
    pub(crate) observer: Arc<Observer>,
    pub(crate) tag: u32,
}

impl<C: ClientConfig> ClientConfig for ObservedClient<C> {
    fn start_session(
        self: Arc<Self>,
        version: u32,
        server_name: &str,
        params: &TransportParameters,
    ) -> Result<Box<dyn Session>, ConnectError> {
        let inner = self.inner.clone().start_session(version, server_name, params)?;
        Ok(ObservedSession::start(inner, &self.observer, self.tag, Side::Client, params))
    }
}

/// A server's cryptography, observed.
pub(crate) struct ObservedServer<C> {
    pub(crate) inner: Arc<C>,
    pub(crate) observer: Arc<Observer>,
    pub(crate) tag: u32,
}

impl<C: ServerConfig> ServerConfig for ObservedServer<C> {
    fn initial_keys(&self, version: u32, dst_cid: &ConnectionId) -> Result<Keys, UnsupportedVersion> {
        let mut keys = self.inner.initial_keys(version, dst_cid)?;
        let inner = keys.packet.remote;
        keys.packet.remote = Box::new(FirstKey { inner, observer: self.observer.clone() });
        Ok(keys)
    }

    fn retry_tag(&self, version: u32, orig_dst_cid: &ConnectionId, packet: &[u8]) -> [u8; 16] {
        self.inner.retry_tag(version, orig_dst_cid, packet)
    }

    fn start_session(self: Arc<Self>, version: u32, params: &TransportParameters) -> Box<dyn Session> {
        let inner = self.inner.clone().start_session(version, params);
        ObservedSession::start(inner, &self.observer, self.tag, Side::Server, params)
    }
}

struct ObservedSession {
    inner: Box<dyn Session>,
    trace: Trace,
    /// What the first record tells, until the connection id it begins with is known.
    start: Mutex<Option<Start>>,
    peer_told: AtomicBool,
}

struct Start {
    tag: u32,
    side: Side,
    parameters: Vec<u8>,
}

impl ObservedSession {
    fn start(
        inner: Box<dyn Session>,
        observer: &Arc<Observer>,
        tag: u32,
        side: Side,
        params: &TransportParameters,
    ) -> Box<dyn Session> {
        let mut parameters = Vec::new();
        params.write(&mut parameters);
        let start = Mutex::new(Some(Start { tag, side, parameters }));
        Box::new(Self { inner, trace: observer.begin(), start, peer_told: AtomicBool::new(false) })
    }

    fn observed(&self, keys: KeyPair<Box<dyn PacketKey>>) -> KeyPair<Box<dyn PacketKey>> {
        let wrap = |inner| -> Box<dyn PacketKey> { Box::new(ObservedKey { inner, trace: self.trace.clone() }) };
        KeyPair { local: wrap(keys.local), remote: wrap(keys.remote) }
    }
}

impl Drop for ObservedSession {
    fn drop(&mut self) {
        self.trace.record(Kind::Ended, &[]);
    }
}

impl Session for ObservedSession {
    fn initial_keys(&self, dst_cid: &ConnectionId, side: Side) -> Keys {
        // Asked a second time after a Retry: the id of the first time is the original one.
        let start = self.start.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Start { tag, side, parameters }) = start {
            self.trace.started(side.is_server(), tag, dst_cid, &parameters);
        }
        let Keys { header, packet } = self.inner.initial_keys(dst_cid, side);
        Keys { header, packet: self.observed(packet) }
    }

    fn handshake_data(&self) -> Option<Box<dyn Any>> {
        self.inner.handshake_data()
    }

    fn peer_identity(&self) -> Option<Box<dyn Any>> {
        self.inner.peer_identity()
    }

    fn early_crypto(&self) -> Option<(Box<dyn HeaderKey>, Box<dyn PacketKey>)> {
        let (header, inner) = self.inner.early_crypto()?;
        Some((header, Box::new(ObservedKey { inner, trace: self.trace.clone() })))
    }

    fn early_data_accepted(&self) -> Option<bool> {
        self.inner.early_data_accepted()
    }

    fn is_handshaking(&self) -> bool {
        self.inner.is_handshaking()
    }

    fn read_handshake(&mut self, buf: &[u8]) -> Result<bool, TransportError> {
        self.inner.read_handshake(buf)
    }

    fn transport_parameters(&self) -> Result<Option<TransportParameters>, TransportError> {
        let parameters = self.inner.transport_parameters()?;
        if let Some(found) = &parameters
            && !self.peer_told.swap(true, Ordering::Relaxed)
        {
            let mut bytes = Vec::new();
            found.write(&mut bytes);
            self.trace.record(Kind::PeerParameters, &[&bytes]);
        }
        Ok(parameters)
    }

    fn write_handshake(&mut self, buf: &mut Vec<u8>) -> Option<Keys> {
        let Keys { header, packet } = self.inner.write_handshake(buf)?;
        Some(Keys { header, packet: self.observed(packet) })
    }

    fn next_1rtt_keys(&mut self) -> Option<KeyPair<Box<dyn PacketKey>>> {
        let keys = self.inner.next_1rtt_keys()?;
        Some(self.observed(keys))
    }

    fn is_valid_retry(&self, orig_dst_cid: &ConnectionId, header: &[u8], payload: &[u8]) -> bool {
        self.inner.is_valid_retry(orig_dst_cid, header, payload)
    }

    fn export_keying_material(
        &self,
        output: &mut [u8],
        label: &[u8],
        context: &[u8],
    ) -> Result<(), ExportKeyingMaterialError> {
        self.inner.export_keying_material(output, label, context)
    }
}

/// A packet key that tells what passes.
struct ObservedKey {
    inner: Box<dyn PacketKey>,
    trace: Trace,
}

impl PacketKey for ObservedKey {
    fn encrypt(&self, packet: u64, buf: &mut [u8], header_len: usize) {
        let (header, rest) = buf.split_at(header_len);
        let payload = &rest[..rest.len().saturating_sub(self.inner.tag_len())];
        self.trace.packet(Kind::Sent, packet, header, payload);
        self.inner.encrypt(packet, buf, header_len);
    }

    fn decrypt(&self, packet: u64, header: &[u8], payload: &mut BytesMut) -> Result<(), CryptoError> {
        let opened = self.inner.decrypt(packet, header, payload);
        match opened {
            Ok(()) => self.trace.packet(Kind::Received, packet, header, payload),
            Err(_) => self.trace.packet(Kind::Unreadable, packet, header, &[]),
        }
        opened
    }

    fn tag_len(&self) -> usize {
        self.inner.tag_len()
    }

    fn confidentiality_limit(&self) -> u64 {
        self.inner.confidentiality_limit()
    }

    fn integrity_limit(&self) -> u64 {
        self.inner.integrity_limit()
    }
}

/// The key of a client's first packet, which is opened before its session begins.
struct FirstKey {
    inner: Box<dyn PacketKey>,
    observer: Arc<Observer>,
}

impl PacketKey for FirstKey {
    fn encrypt(&self, packet: u64, buf: &mut [u8], header_len: usize) {
        self.inner.encrypt(packet, buf, header_len);
    }

    fn decrypt(&self, packet: u64, header: &[u8], payload: &mut BytesMut) -> Result<(), CryptoError> {
        self.inner.decrypt(packet, header, payload)?;
        self.observer.keep_first(packet, header, payload);
        Ok(())
    }

    fn tag_len(&self) -> usize {
        self.inner.tag_len()
    }

    fn confidentiality_limit(&self) -> u64 {
        self.inner.confidentiality_limit()
    }

    fn integrity_limit(&self) -> u64 {
        self.inner.integrity_limit()
    }
}
