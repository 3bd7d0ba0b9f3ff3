//! [`Instance`]: the engine on quinn-proto. This file holds its tables and the life of a connection in them; `face`
//! has the calls, `ingest`, `receive`, `send` and `pump` what happens per packet.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use quinn_proto::EndpointConfig;
use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::{
    ClosedBy, ConnectionStats, Crypto, Error, Event, Limits, PumpEnd,
    cids::CheckedCids,
    clock::Clock,
    config::{Config, Keys, Secrets},
    connection::{Connection, Phase},
    early::EarlyCount,
    endpoint::{Endpoint, Place, Shard},
    handles::Slab,
    ingest::PacketBuffers,
    keyed::Keyed,
    observe::{Observer, Observing},
    peers::{Peers, STABLE_INTERNS},
    pressure::Pressure,
    proof::Proof,
    shards::{Router, SHARDS},
    stream::Stream,
    transmit::TransmitRing,
    wheel::{Alarm, Wheel},
};

const MAX_CONFIGS: usize = 4096;
const MAX_ENDPOINTS: usize = 1024;
pub(crate) const MAX_STREAMS: usize = 1 << 20;
const MAX_TIMERS: usize = 1 << 20;
/// Where sources write.
const SLAB_BYTES: usize = 64 << 10;

/// What an endpoint needs of a server configuration.
type ServerSide = (Arc<quinn_proto::ServerConfig>, Arc<crate::TransportSettings>);

/// One engine. Single-threaded; several may live side by side.
pub struct Instance {
    pub(crate) clock: Clock,
    pub(crate) rng: Arc<Mutex<StdRng>>,
    pub(crate) keyed: Keyed,
    initial_key: [u8; 16],
    pub(crate) secrets: Secrets,
    pub(crate) proof: Proof,
    pub(crate) crypto: Crypto,
    pub(crate) max_connections: usize,
    pub(crate) configs: Slab<Config>,
    pub(crate) endpoints: Slab<Endpoint>,
    pub(crate) connections: Slab<Connection>,
    pub(crate) streams: Slab<Stream>,
    pub(crate) peers: Peers,
    pub(crate) wheel: Wheel,
    pub(crate) fired: Vec<(u32, Alarm)>,
    pub(crate) packets: PacketBuffers,
    pub(crate) early: EarlyCount,
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
    /// Last counters of connections whose DRAINED event is not read yet.
    pub(crate) departed: HashMap<u32, ConnectionStats, Keyed>,
    pub(crate) observer: Arc<Observer>,
    /// Some configuration asks for observation.
    pub(crate) observing: bool,
    pub(crate) pressure: Pressure,
}

impl Instance {
    /// `now` in host microseconds, the wall clock at that moment in milliseconds since 1970, and all the randomness the
    /// engine will use, but for what its crates draw by themselves.
    pub fn new(now: u64, wall_millis: u64, seed: [u8; 32], limits: Limits) -> Self {
        let mut rng = StdRng::from_seed(seed);
        let keyed = Keyed::from_rng(&mut rng);
        let keys = Keys::from_rng(&mut rng);
        let mut initial_key = [0; 16];
        rng.fill_bytes(&mut initial_key);
        let (clock, rng) = (Clock::new(now, wall_millis), Arc::new(Mutex::new(rng)));
        let peers = limits.peers.max(2 * STABLE_INTERNS as usize) + limits.connections;
        Self {
            observer: Observer::new(clock.wall()),
            observing: false,
            departed: HashMap::with_hasher(keyed.clone()),
            secrets: Secrets::new(&keys, rng.clone(), clock.wall()),
            proof: Proof::default(),
            initial_key,
            clock,
            rng,
            peers: Peers::new(peers, keyed.clone()),
            keyed,
            crypto: Crypto::default(),
            max_connections: limits.connections,
            configs: Slab::new(MAX_CONFIGS),
            endpoints: Slab::new(MAX_ENDPOINTS),
            connections: Slab::new(limits.connections),
            streams: Slab::new(MAX_STREAMS),
            wheel: Wheel::new(now, MAX_TIMERS),
            fired: Vec::new(),
            packets: PacketBuffers::default(),
            early: EarlyCount::default(),
            transmit: TransmitRing::new(),
            slab: vec![0; SLAB_BYTES],
            dirty: VecDeque::new(),
            eventful: VecDeque::new(),
            touched: Vec::new(),
            events: VecDeque::new(),
            end: PumpEnd::Idle,
            pressure: Pressure::new(limits.memory_bytes),
        }
    }

    /// Another implementation of packet protection, for configurations added from now on.
    #[must_use]
    pub fn with_crypto(self, crypto: Crypto) -> Self {
        Self { crypto, ..self }
    }

    /// From now on observation is looked for when events are.
    pub(crate) fn observe(&mut self, observing: Observing) {
        self.observing |= observing.key_log != 0 || observing.trace != 0;
    }

    /// The host's keys instead of random ones, for everything set up from now on.
    #[must_use]
    pub fn with_keys(self, keys: &Keys) -> Self {
        Self { secrets: Secrets::new(keys, self.rng.clone(), self.clock.wall()), ..self }
    }

    /// Which shard a packet is for.
    pub(crate) fn router(&self) -> Router {
        Router::new(self.secrets.cid, self.initial_key)
    }

    /// Makes an endpoint's shards as many as `count`.
    pub(crate) fn add_shards(&self, shards: &mut Vec<Shard>, count: usize) -> Result<(), Error> {
        for shard in shards.len()..count {
            let (rng, key) = (self.rng.clone(), self.secrets.cid);
            let mut config = EndpointConfig::new(self.secrets.reset.clone());
            config
                .rng_seed(Some(self.random_seed()))
                .cid_generator(move || Box::new(CheckedCids::new(rng.clone(), key, shard as u8, (SHARDS - 1) as u8)))
                .max_udp_payload_size(crate::SLOT_BYTES as u16)
                .map_err(|error| Error::OptionInvalid(error.to_string()))?;
            // MTU discovery: the host's maxMtu option keeps probes below what its socket may fragment.
            shards.push(Shard::new(quinn_proto::Endpoint::new(Arc::new(config), None, true, None)));
        }
        Ok(())
    }

    pub(crate) fn random_seed(&self) -> [u8; 32] {
        let mut seed = [0; 32];
        self.rng.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut seed);
        seed
    }

    pub(crate) fn server_config(&self, config: Option<u32>) -> Result<Option<ServerSide>, Error> {
        let Some(config) = config else { return Ok(None) };
        match self.configs.get(config) {
            Some(Config::Server { quic, settings }) => Ok(Some((quic.clone(), settings.clone()))),
            Some(Config::Client { .. }) => Err(Error::OptionInvalid("a client configuration cannot serve".into())),
            None => Err(Error::StaleHandle),
        }
    }

    /// Room for another connection on top of those that drain.
    pub(crate) fn is_full(&self) -> bool {
        self.pressure.is_short() || self.connections.len() >= self.max_connections
    }

    /// Gives a new state machine its place in the tables.
    pub(crate) fn adopt(&mut self, mut connection: Connection, peer: u32) -> Option<u32> {
        let (endpoint, place) = (connection.endpoint, connection.place);
        connection.peer = peer;
        let handle = self.connections.insert(connection)?;
        if let Some(trace) = self.connections.get(handle).and_then(|connection| connection.trace.as_ref()) {
            trace.placed(handle, endpoint, peer);
        }
        self.peers.retain(peer, place.shard);
        if let Some(endpoint) = self.endpoints.get_mut(endpoint) {
            endpoint.adopt(place, handle);
        }
        self.pressure.adopted();
        if self.pressure.stats.pressed {
            self.set_windows(handle);
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
        connection.tell_losses();
        let Place { shard, handle: inner } = connection.place;
        let Some(endpoint) = self.endpoints.get_mut(connection.endpoint) else { return };
        let Some(shard) = endpoint.shards.get_mut(shard) else { return };
        while let Some(event) = connection.quic.poll_endpoint_events() {
            connection.drained |= event.is_drained();
            if let Some(answer) = shard.quic.handle_event(inner, event) {
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
        let silence = connection.silence().map(|silence| silence.deadline.min(silence.ask));
        let pace = connection.pace_at;
        let Some(deadline) = quic.into_iter().chain(handshake).chain(silence).chain(pace).min() else { return };
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
        if connection.phase == Phase::Handshake
            && let Some(source) = connection.source
            && let Some(endpoint) = self.endpoints.get_mut(connection.endpoint)
        {
            endpoint.end_handshake(source);
        }
        connection.phase = Phase::Closed;
        if let Some(trace) = &connection.trace {
            trace.closed(by as u32, code, &reason);
        }
        let endpoint = connection.endpoint;
        connection.clear_egress();
        for stream in std::mem::take(&mut connection.members) {
            self.streams.remove(stream);
        }
        self.events.push_back(Event::Closed { connection: handle, endpoint, by, code, reason });
    }

    /// Handles that died without an event fill a table.
    pub(crate) fn is_littered(&self) -> bool {
        let tables = [self.connections.is_littered(), self.streams.is_littered(), self.endpoints.is_littered()];
        tables.contains(&true) || self.configs.is_littered() || self.wheel.is_littered()
    }

    /// Tells that the handle is dead, and forgets the connection.
    pub(crate) fn forget_connection(&mut self, handle: u32) {
        let Some(mut connection) = self.connections.remove(handle) else { return };
        connection.early.take(&mut self.early);
        if let Some((timer, _)) = connection.timer {
            self.wheel.cancel(timer);
        }
        self.departed.insert(handle, connection.stats());
        self.peers.release(connection.peer);
        if let Some(endpoint) = self.endpoints.get_mut(connection.endpoint) {
            endpoint.forget(connection.place, connection.source);
            if endpoint.closing && endpoint.open == 0 {
                self.endpoints.remove(connection.endpoint);
            }
        }
        self.events.push_back(Event::Drained { connection: handle });
    }
}

pub(crate) fn code_too_large() -> Error {
    Error::OptionInvalid("a code or limit is above 2^62 - 1".into())
}
