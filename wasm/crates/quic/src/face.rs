//! [`Instance`] as an [`Engine`]: set-up calls in full, calls of the packet path passed on to their files.

use std::net::SocketAddr;

use bytes::Bytes;
use quinn_proto::{ConnectError, Dir, VarInt};

use crate::{
    ClientOptions, ClosedBy, ConnectionInfo, ConnectionStats, Datagram, EndpointLimits, Engine, Error, Event, PumpEnd,
    ServerOptions, Side, Source, TransmitRecord,
    config::Config,
    connection::{Connection, Phase},
    endpoint::{Endpoint, Place},
    instance::{Instance, MAX_STREAMS, code_too_large},
    shards::{DIALLED, SHARDS},
    wheel::Alarm,
};

impl Engine for Instance {
    fn add_server_config(&mut self, options: ServerOptions<'_>) -> Result<u32, Error> {
        self.observe(options.observing);
        let config = options.build(&self.clock, &self.secrets, &self.proof, self.crypto, &self.observer)?;
        self.configs.insert(config).ok_or(Error::LimitReached("configuration"))
    }

    fn add_client_config(&mut self, options: ClientOptions<'_>) -> Result<u32, Error> {
        self.observe(options.observing);
        let config = options.build(&self.clock, &self.rng, &self.proof, self.crypto, &self.observer)?;
        self.configs.insert(config).ok_or(Error::LimitReached("configuration"))
    }

    fn free_config(&mut self, config: u32) -> Result<(), Error> {
        self.configs.remove(config).map(|_| ()).ok_or(Error::StaleHandle)
    }

    fn open_endpoint(&mut self, server_config: Option<u32>, limits: EndpointLimits) -> Result<u32, Error> {
        let server = self.server_config(server_config)?;
        let (quic, settings) = server.unzip();
        let mut shards = Vec::new();
        self.add_shards(&mut shards, if quic.is_some() { SHARDS } else { 1 })?;
        let limits = EndpointLimits { connections: limits.connections.min(self.max_connections), ..limits };
        let mut endpoint = Endpoint::new(shards, settings, limits, self.keyed.clone());
        endpoint.serve(quic.as_ref());
        self.endpoints.insert(endpoint).ok_or(Error::LimitReached("endpoint"))
    }

    fn set_server_config(&mut self, endpoint: u32, server_config: Option<u32>) -> Result<(), Error> {
        let (quic, settings) = self.server_config(server_config)?.unzip();
        let entry = self.endpoints.get_mut(endpoint).ok_or(Error::StaleHandle)?;
        let mut shards = std::mem::take(&mut entry.shards);
        let grown = if quic.is_some() { self.add_shards(&mut shards, SHARDS) } else { Ok(()) };
        let entry = self.endpoints.get_mut(endpoint).ok_or(Error::StaleHandle)?;
        entry.shards = shards;
        entry.serve(quic.as_ref());
        entry.settings = settings;
        grown?;
        Ok(())
    }

    fn close_endpoint(&mut self, endpoint: u32, now: u64) -> Result<(), Error> {
        let entry = self.endpoints.get_mut(endpoint).ok_or(Error::StaleHandle)?;
        entry.closing = true;
        entry.serve(None);
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
        let started = entry.shards[DIALLED].quic.connect(self.clock.instant(now), client, address, server_name);
        let trace = self.observer.begun();
        let (handle, quic) = started.map_err(|error| match error {
            ConnectError::InvalidServerName(name) => Error::ServerNameInvalid(name),
            ConnectError::InvalidRemoteAddress(_) => Error::AddressInvalid,
            other => Error::OptionInvalid(other.to_string()),
        })?;
        let mut connection =
            Connection::new(quic, endpoint, Place { shard: DIALLED, handle }, settings, &self.keyed, now);
        connection.trace = trace;
        connection.server_name = server_name.into();
        connection.expect_early();
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
        let (alpn, name) = entry.handshake_data().map(|data| (data.protocol, data.server_name)).unwrap_or_default();
        let server = entry.quic.side().is_server();
        Ok(ConnectionInfo {
            alpn: alpn.unwrap_or_default(),
            server_name: if server { name.unwrap_or_default() } else { entry.server_name.clone() },
            peer: entry.peer,
            side: if server { Side::Server } else { Side::Client },
            resumed: entry.phase == Phase::Up && !entry.proven,
            early_data: entry.early_data(),
        })
    }

    fn stats(&self, connection: u32) -> Result<ConnectionStats, Error> {
        let live = self.connections.get(connection).map(Connection::stats);
        live.or_else(|| self.departed.get(&connection).copied()).ok_or(Error::StaleHandle)
    }

    fn export_keying_material(
        &self,
        connection: u32,
        label: &[u8],
        context: &[u8],
        output: &mut [u8],
    ) -> Result<(), Error> {
        let entry = self.connections.get(connection).ok_or(Error::StaleHandle)?;
        let session = entry.quic.crypto_session();
        let why = "Keying material is there when the handshake is done, and at most 8160 bytes of it";
        session.export_keying_material(output, label, context).map_err(|_| Error::OptionInvalid(why.into()))
    }

    fn update_keys(&mut self, connection: u32) -> Result<(), Error> {
        let entry = self.connections.get_mut(connection).ok_or(Error::StaleHandle)?;
        if entry.phase == Phase::Up {
            entry.quic.force_key_update();
        }
        Ok(())
    }

    fn set_max_streams(&mut self, connection: u32, dir: Dir, count: u64) -> Result<(), Error> {
        let entry = self.connections.get_mut(connection).ok_or(Error::StaleHandle)?;
        let count = count.min(MAX_STREAMS as u64);
        entry.quic.set_max_concurrent_streams(dir, VarInt::from_u64(count).map_err(|_| code_too_large())?);
        entry.few_streams[dir as usize] = false;
        self.mark_dirty(connection);
        Ok(())
    }

    fn set_receive_window(&mut self, connection: u32, bytes: u64) -> Result<(), Error> {
        let entry = self.connections.get_mut(connection).ok_or(Error::StaleHandle)?;
        VarInt::from_u64(bytes).map_err(|_| code_too_large())?;
        entry.receive_window = bytes;
        self.set_windows(connection);
        self.mark_dirty(connection);
        Ok(())
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
        self.wheel.soonest()
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

    fn has_events(&self) -> bool {
        let gone = !self.departed.is_empty(); // what is kept of them is dropped when the host has read of it
        gone || self.observing || !(self.events.is_empty() && self.eventful.is_empty()) || self.is_littered()
    }

    fn begin_events(&mut self) {
        // An event still waiting may be the one that tells of a handle's death.
        if !self.events.is_empty() {
            return;
        }
        self.departed.clear();
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

    fn send_datagram(
        &mut self,
        connection: u32,
        payload: Bytes,
        key: u128,
        deadline: u64,
    ) -> Result<Option<usize>, Error> {
        self.queue_datagram(connection, payload, key, deadline)
    }

    fn await_datagram_room(&mut self, connection: u32, below: usize) -> Result<(), Error> {
        self.await_room(connection, below)
    }

    fn max_datagram_size(&mut self, connection: u32) -> Result<usize, Error> {
        let entry = self.connections.get_mut(connection).ok_or(Error::StaleHandle)?;
        Ok(entry.quic.datagrams().max_size().unwrap_or(0))
    }
}
