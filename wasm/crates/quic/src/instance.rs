//! [`Instance`]: the engine on quinn-proto. This file holds its tables and set-up; `ingest`, `receive`, `send` and `pump`
//! hold what happens per packet.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use quinn_proto::{ConnectError, Dir, EndpointConfig, VarInt};
use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::{
    ClientOptions, ClosedBy, ConnectionInfo, ConnectionStats, Datagram, EndpointLimits, Engine, Error, Event, Limits,
    Prepared, PumpEnd, ServerOptions, Side, Source, TransmitRecord,
    cids::CheckedCids,
    clock::Clock,
    config::{Config, Secrets},
    connection::{Connection, Phase},
    endpoint::Endpoint,
    handles::Slab,
    ingest::PacketBuffers,
    keyed::Keyed,
    peers::{Peers, STABLE_INTERNS},
    stream::Stream,
    transmit::TransmitRing,
    wheel::{Alarm, Wheel},
};

const MAX_CONFIGS: usize = 4096;
const MAX_ENDPOINTS: usize = 1024;
const MAX_STREAMS: usize = 1 << 20;
const MAX_TIMERS: usize = 1 << 20;
/// Where sources write.
const SLAB_BYTES: usize = 64 << 10;

/// What an endpoint needs of a server configuration.
type ServerSide = (Arc<quinn_proto::ServerConfig>, Arc<crate::TransportSettings>);

/// One engine. Single-threaded; several may live side by side.
pub struct Instance {
    pub(crate) clock: Clock,
    rng: Arc<Mutex<StdRng>>,
    pub(crate) keyed: Keyed,
    cid_key: [u8; 16],
    secrets: Secrets,
    max_connections: usize,
    pub(crate) configs: Slab<Config>,
    pub(crate) endpoints: Slab<Endpoint>,
    pub(crate) connections: Slab<Connection>,
    pub(crate) streams: Slab<Stream>,
    pub(crate) peers: Peers,
    pub(crate) wheel: Wheel,
    pub(crate) fired: Vec<(u32, Alarm)>,
    pub(crate) packets: PacketBuffers,
    pub(crate) transmit: TransmitRing,
    pub(crate) slab: Vec<u8>,
    /// Connections that may have something to send, in turn.
    pub(crate) dirty: VecDeque<u32>,
    /// Connections that may have something to tell.
    pub(crate) eventful: VecDeque<u32>,
    /// Connections that met packets or time since the last settling.
    pub(crate) touched: Vec<u32>,
    pub(crate) events: VecDeque<Event>,
    pub(crate) end: PumpEnd,
    /// Memory is short: no new connections.
    pub(crate) short_of_memory: bool,
}

impl Instance {
    /// `now` in host microseconds, the wall clock at that moment in milliseconds since 1970, and all the randomness the
    /// engine will use, but for what its crates draw by themselves.
    pub fn new(now: u64, wall_millis: u64, seed: [u8; 32], limits: Limits) -> Self {
        let mut rng = StdRng::from_seed(seed);
        let keyed = Keyed::from_rng(&mut rng);
        let secrets = Secrets::from_rng(&mut rng);
        let mut cid_key = [0; 16];
        rng.fill_bytes(&mut cid_key);
        let peers = limits.peers.max(2 * STABLE_INTERNS as usize) + limits.connections;
        Self {
            clock: Clock::new(now, wall_millis),
            rng: Arc::new(Mutex::new(rng)),
            peers: Peers::new(peers, keyed.clone()),
            keyed,
            cid_key,
            secrets,
            max_connections: limits.connections,
            configs: Slab::new(MAX_CONFIGS),
            endpoints: Slab::new(MAX_ENDPOINTS),
            connections: Slab::new(limits.connections),
            streams: Slab::new(MAX_STREAMS),
            wheel: Wheel::new(now, MAX_TIMERS),
            fired: Vec::new(),
            packets: PacketBuffers::default(),
            transmit: TransmitRing::new(),
            slab: vec![0; SLAB_BYTES],
            dirty: VecDeque::new(),
            eventful: VecDeque::new(),
            touched: Vec::new(),
            events: VecDeque::new(),
            end: PumpEnd::Idle,
            short_of_memory: false,
        }
    }

    fn random_seed(&self) -> [u8; 32] {
        let mut seed = [0; 32];
        self.rng.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut seed);
        seed
    }

    fn server_config(&self, config: Option<u32>) -> Result<Option<ServerSide>, Error> {
        let Some(config) = config else { return Ok(None) };
        match self.configs.get(config) {
            Some(Config::Server { quic, settings }) => Ok(Some((quic.clone(), settings.clone()))),
            Some(Config::Client { .. }) => Err(Error::OptionInvalid("a client configuration cannot serve".into())),
            None => Err(Error::StaleHandle),
        }
    }

    /// Room for another connection on top of those that drain.
    pub(crate) fn is_full(&self) -> bool {
        self.short_of_memory || self.connections.len() >= self.max_connections
    }

    /// Gives a new state machine its place in the tables.
    pub(crate) fn adopt(&mut self, mut connection: Connection, peer: u32) -> Option<u32> {
        let (endpoint, quic) = (connection.endpoint, connection.handle);
        connection.peer = peer;
        let handle = self.connections.insert(connection)?;
        self.peers.retain(peer);
        if let Some(endpoint) = self.endpoints.get_mut(endpoint) {
            endpoint.adopt(quic, handle);
        }
        self.touch(handle);
        Some(handle)
    }

    /// The connection met something: it may have to send, to tell, and to set its timer anew.
    pub(crate) fn touch(&mut self, handle: u32) {
        let Some(connection) = self.connections.get_mut(handle) else { return };
        if !std::mem::replace(&mut connection.dirty, true) {
            self.dirty.push_back(handle);
        }
        if !std::mem::replace(&mut connection.eventful, true) {
            self.eventful.push_back(handle);
        }
        if !std::mem::replace(&mut connection.touched, true) {
            self.touched.push(handle);
        }
    }

    /// The connection may have something to send.
    pub(crate) fn mark_dirty(&mut self, handle: u32) {
        if let Some(connection) = self.connections.get_mut(handle)
            && !std::mem::replace(&mut connection.dirty, true)
        {
            self.dirty.push_back(handle);
        }
    }

    /// Passes what the state machine wants of its endpoint on, and arms its timer.
    pub(crate) fn settle_connection(&mut self, handle: u32) {
        let Some(connection) = self.connections.get_mut(handle) else { return };
        connection.touched = false;
        let Some(endpoint) = self.endpoints.get_mut(connection.endpoint) else { return };
        while let Some(event) = connection.quic.poll_endpoint_events() {
            connection.drained |= event.is_drained();
            if let Some(answer) = endpoint.quic.handle_event(connection.handle, event) {
                connection.quic.handle_event(answer);
            }
        }
        if connection.drained && !std::mem::replace(&mut connection.eventful, true) {
            self.eventful.push_back(handle);
        }
        self.arm_connection(handle);
    }

    fn arm_connection(&mut self, handle: u32) {
        let Some(connection) = self.connections.get_mut(handle) else { return };
        let quic = connection.quic.poll_timeout().map(|instant| self.clock.micros(instant));
        let handshake = (connection.phase == Phase::Handshake).then_some(connection.handshake_deadline);
        let Some(deadline) = quic.into_iter().chain(handshake).min() else { return };
        match connection.timer {
            // An early alarm costs one look; moving it for every packet would cost more.
            Some((_, armed)) if armed <= deadline => return,
            Some((timer, _)) => {
                self.wheel.cancel(timer);
            }
            None => {}
        }
        let timer = self.wheel.arm(deadline, Alarm::Connection(handle));
        connection.timer = timer.map(|timer| (timer, deadline));
    }

    /// Tells that the connection is over, and drops its streams. Does nothing the second time.
    pub(crate) fn end_connection(&mut self, handle: u32, by: ClosedBy, code: u64, reason: Bytes) {
        let Some(connection) = self.connections.get_mut(handle) else { return };
        if connection.phase == Phase::Closed {
            return;
        }
        let server = connection.quic.side().is_server();
        if connection.phase == Phase::Handshake
            && server
            && let Some(endpoint) = self.endpoints.get_mut(connection.endpoint)
        {
            endpoint.handshakes = endpoint.handshakes.saturating_sub(1);
        }
        connection.phase = Phase::Closed;
        connection.clear_egress();
        for stream in std::mem::take(&mut connection.members) {
            self.streams.remove(stream);
        }
        self.events.push_back(Event::Closed { connection: handle, by, code, reason });
    }

    /// Tells that the handle is dead, and forgets the connection.
    pub(crate) fn forget_connection(&mut self, handle: u32) {
        let Some(connection) = self.connections.remove(handle) else { return };
        if let Some((timer, _)) = connection.timer {
            self.wheel.cancel(timer);
        }
        self.peers.release(connection.peer);
        if let Some(endpoint) = self.endpoints.get_mut(connection.endpoint) {
            endpoint.forget(connection.handle);
            if endpoint.closing && endpoint.open == 0 {
                self.endpoints.remove(connection.endpoint);
            }
        }
        self.events.push_back(Event::Drained { connection: handle });
    }
}

impl Engine for Instance {
    fn add_server_config(&mut self, options: ServerOptions<'_>) -> Result<u32, Error> {
        let config = options.build(&self.clock, &self.secrets)?;
        self.configs.insert(config).ok_or(Error::LimitReached("configuration"))
    }

    fn add_client_config(&mut self, options: ClientOptions<'_>) -> Result<u32, Error> {
        let config = options.build(&self.clock, &self.rng)?;
        self.configs.insert(config).ok_or(Error::LimitReached("configuration"))
    }

    fn free_config(&mut self, config: u32) -> Result<(), Error> {
        self.configs.remove(config).map(|_| ()).ok_or(Error::StaleHandle)
    }

    fn open_endpoint(&mut self, server_config: Option<u32>, limits: EndpointLimits) -> Result<u32, Error> {
        let server = self.server_config(server_config)?;
        let (rng, key) = (self.rng.clone(), self.cid_key);
        let mut config = EndpointConfig::new(self.secrets.reset.clone());
        config
            .rng_seed(Some(self.random_seed()))
            .cid_generator(move || Box::new(CheckedCids::new(rng.clone(), key)))
            .max_udp_payload_size(crate::SLOT_BYTES as u16)
            .map_err(|error| Error::OptionInvalid(error.to_string()))?;
        let (quic, settings) = server.unzip();
        // MTU discovery: the host's maxMtu option keeps probes below what its socket may fragment.
        let quic = quinn_proto::Endpoint::new(Arc::new(config), quic, true, None);
        self.endpoints.insert(Endpoint::new(quic, settings, limits)).ok_or(Error::LimitReached("endpoint"))
    }

    fn set_server_config(&mut self, endpoint: u32, server_config: Option<u32>) -> Result<(), Error> {
        let (quic, settings) = self.server_config(server_config)?.unzip();
        let endpoint = self.endpoints.get_mut(endpoint).ok_or(Error::StaleHandle)?;
        endpoint.quic.set_server_config(quic);
        endpoint.settings = settings;
        Ok(())
    }

    fn close_endpoint(&mut self, endpoint: u32, now: u64) -> Result<(), Error> {
        let entry = self.endpoints.get_mut(endpoint).ok_or(Error::StaleHandle)?;
        entry.closing = true;
        entry.quic.set_server_config(None);
        if entry.open == 0 {
            self.endpoints.remove(endpoint);
            return Ok(());
        }
        let theirs: Vec<u32> = self
            .connections
            .handles()
            .filter(|&handle| self.connections.get(handle).is_some_and(|connection| connection.endpoint == endpoint))
            .collect();
        for handle in theirs {
            self.close(handle, 0, Bytes::new(), now)?;
        }
        Ok(())
    }

    fn intern_peer(&mut self, address: SocketAddr) -> Result<u32, Error> {
        self.peers.intern(address).ok_or(Error::LimitReached("peer address"))
    }

    fn connect(&mut self, endpoint: u32, config: u32, peer: u32, server_name: &str, now: u64) -> Result<u32, Error> {
        self.clock.tick(now);
        if self.is_full() {
            return Err(Error::LimitReached("connection"));
        }
        let address = self.peers.address(peer).ok_or(Error::StaleHandle)?;
        let (client, settings) = match self.configs.get(config) {
            Some(Config::Client { quic, settings }) => (quic.clone(), settings.clone()),
            Some(Config::Server { .. }) => {
                return Err(Error::OptionInvalid("a server configuration cannot connect".into()));
            }
            None => return Err(Error::StaleHandle),
        };
        let entry = self.endpoints.get_mut(endpoint).filter(|entry| !entry.closing).ok_or(Error::StaleHandle)?;
        if entry.open >= entry.limits.connections {
            return Err(Error::LimitReached("connection"));
        }
        let started = entry.quic.connect(self.clock.instant(now), client, address, server_name);
        let (handle, quic) = started.map_err(|error| match error {
            ConnectError::InvalidServerName(name) => Error::ServerNameInvalid(name),
            ConnectError::InvalidRemoteAddress(_) => Error::AddressInvalid,
            other => Error::OptionInvalid(other.to_string()),
        })?;
        let mut connection = Connection::new(quic, endpoint, handle, settings, self.keyed.clone(), now);
        connection.server_name = server_name.into();
        self.adopt(connection, peer).ok_or(Error::LimitReached("connection"))
    }

    fn close(&mut self, connection: u32, code: u64, reason: Bytes, now: u64) -> Result<(), Error> {
        self.clock.tick(now);
        let code_wire = VarInt::from_u64(code).map_err(|_| code_too_large())?;
        let entry = self.connections.get_mut(connection).ok_or(Error::StaleHandle)?;
        if entry.phase == Phase::Closed {
            return Ok(());
        }
        entry.quic.close(self.clock.instant(now), code_wire, reason.clone());
        self.end_connection(connection, ClosedBy::Local, code, reason);
        self.touch(connection);
        self.settle_connection(connection);
        Ok(())
    }

    fn info(&self, connection: u32) -> Result<ConnectionInfo, Error> {
        let entry = self.connections.get(connection).ok_or(Error::StaleHandle)?;
        let data = entry.quic.crypto_session().handshake_data();
        let data = data.and_then(|data| data.downcast::<quinn_proto::crypto::rustls::HandshakeData>().ok());
        let (alpn, name) = data.map(|data| (data.protocol, data.server_name)).unwrap_or_default();
        let server = entry.quic.side().is_server();
        Ok(ConnectionInfo {
            alpn: alpn.unwrap_or_default(),
            server_name: if server { name.unwrap_or_default() } else { entry.server_name.clone() },
            peer: entry.peer,
            side: if server { Side::Server } else { Side::Client },
        })
    }

    fn stats(&self, connection: u32) -> Result<ConnectionStats, Error> {
        let entry = self.connections.get(connection).ok_or(Error::StaleHandle)?;
        let stats = entry.quic.stats();
        Ok(ConnectionStats {
            rtt_micros: stats.path.rtt.as_micros() as u64,
            cwnd_bytes: stats.path.cwnd,
            mtu: stats.path.current_mtu.into(),
            sent_packets: stats.path.sent_packets,
            lost_packets: stats.path.lost_packets,
            received_packets: stats.udp_rx.datagrams,
            sent_bytes: stats.udp_tx.bytes,
            received_bytes: stats.udp_rx.bytes,
            lost_bytes: stats.path.lost_bytes,
            congestion_events: stats.path.congestion_events,
            ready_streams: entry.ready_streams() as u64,
            queued_datagrams: entry.datagrams.len() as u64,
        })
    }

    fn set_max_streams(&mut self, connection: u32, dir: Dir, count: u64) -> Result<(), Error> {
        let entry = self.connections.get_mut(connection).ok_or(Error::StaleHandle)?;
        let count = count.min(MAX_STREAMS as u64);
        entry.quic.set_max_concurrent_streams(dir, VarInt::from_u64(count).map_err(|_| code_too_large())?);
        self.mark_dirty(connection);
        Ok(())
    }

    fn set_receive_window(&mut self, connection: u32, bytes: u64) -> Result<(), Error> {
        let entry = self.connections.get_mut(connection).ok_or(Error::StaleHandle)?;
        entry.quic.set_receive_window(VarInt::from_u64(bytes).map_err(|_| code_too_large())?);
        self.mark_dirty(connection);
        Ok(())
    }

    fn set_short_of_memory(&mut self, short: bool) {
        self.short_of_memory = short;
    }

    fn ingest(&mut self, datagram: Datagram<'_>, now: u64) {
        self.take_packet(datagram, now);
    }

    fn settle(&mut self, now: u64) {
        self.clock.tick(now);
        self.settle_touched();
    }

    fn fire_timers(&mut self, now: u64) {
        self.clock.tick(now);
        self.fire(now);
    }

    fn next_deadline(&self) -> Option<u64> {
        self.wheel.next_deadline()
    }

    fn arm_timer(&mut self, deadline: u64) -> Result<u32, Error> {
        self.wheel.arm(deadline, Alarm::Application).ok_or(Error::LimitReached("timer"))
    }

    fn cancel_timer(&mut self, timer: u32) -> bool {
        self.wheel.cancel(timer)
    }

    fn pump(&mut self, now: u64, budget: usize, source: &mut impl Source) -> usize {
        self.clock.tick(now);
        self.pump_all(now, budget, source)
    }

    fn pump_end(&self) -> PumpEnd {
        self.end
    }

    fn transmit_record(&self, index: usize) -> TransmitRecord {
        self.transmit.record(index)
    }

    fn transmit_bytes(&self, slot: u16) -> &[u8] {
        self.transmit.bytes(slot)
    }

    fn slot_address(&mut self, slot: u16) -> usize {
        self.transmit.buffer(slot).as_ptr() as usize
    }

    fn release_slot(&mut self, slot: u16) {
        self.transmit.release(slot);
    }

    fn begin_events(&mut self) {
        self.connections.recycle();
        self.streams.recycle();
        self.endpoints.recycle();
        self.configs.recycle();
        self.wheel.recycle();
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.next_event()
    }

    fn open_stream(&mut self, connection: u32, dir: Dir, key: u128) -> Result<u32, Error> {
        self.open_outgoing(connection, dir, key)
    }

    fn activate(&mut self, stream: u32) -> Result<(), Error> {
        self.activate_stream(stream)
    }

    fn set_key(&mut self, stream: u32, key: u128) -> Result<(), Error> {
        self.rekey_stream(stream, key)
    }

    fn reset(&mut self, stream: u32, code: u64) -> Result<(), Error> {
        self.reset_stream(stream, code)
    }

    fn stop(&mut self, stream: u32, code: u64) -> Result<(), Error> {
        self.stop_stream(stream, code)
    }

    fn credit(&mut self, stream: u32, bytes: u64) -> Result<(), Error> {
        self.credit_stream(stream, bytes)
    }

    fn stream_id(&self, stream: u32) -> Result<Option<u64>, Error> {
        self.streams.get(stream).map(|stream| stream.id.map(u64::from)).ok_or(Error::StaleHandle)
    }

    fn send_datagram(&mut self, connection: u32, payload: Bytes, key: u128, deadline: u64) -> Result<bool, Error> {
        self.queue_datagram(connection, payload, key, deadline)
    }

    fn max_datagram_size(&mut self, connection: u32) -> Result<usize, Error> {
        let entry = self.connections.get_mut(connection).ok_or(Error::StaleHandle)?;
        Ok(entry.quic.datagrams().max_size().unwrap_or(0))
    }
}

/// For sources that have nothing to say.
impl Source for () {
    fn prepare(&mut self, _connection: u32, _stream: u32, _target: &mut [u8]) -> Prepared {
        Prepared::default()
    }
}

pub(crate) fn code_too_large() -> Error {
    Error::OptionInvalid("a code or limit is above 2^62 - 1".into())
}
