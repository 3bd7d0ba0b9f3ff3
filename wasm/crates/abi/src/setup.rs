//! Set-up calls: rare, with bytes and strings. A negative answer is a status; `last_error` has its sentence.

use bytes::Bytes;
use moqingbird_quic::{
    ClientOptions, ConnectionStats, Crypto, Dir, EndpointLimits, Engine, Error, Instance, Keys, Limits, MemoryStats,
    NamedCertificate, Observing, ServerOptions, Side, TransportSettings, Trust,
};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::{ABI, Abi, arena::Arenas, memory, panic, with};

impl Abi {
    fn status(&mut self, result: Result<u32, Error>) -> i32 {
        match result {
            Ok(handle) => handle as i32,
            Err(error) => {
                self.last_error = error.to_string();
                error.status()
            }
        }
    }
}

/// Makes the engine. Comes first, once. `keys` the host's, or empty for random ones; `limits`: connections, peers, bytes of
/// memory; `crypto` 0 simd, 1 ring.
#[wasm_bindgen]
pub fn start(now: f64, wall_millis: f64, seed: &[u8], keys: &[u8], limits: &[u32], crypto: u32) -> i32 {
    let &[connections, peers, memory_bytes] = limits else { return Error::OptionInvalid(String::new()).status() };
    let Ok(seed) = <[u8; 32]>::try_from(seed) else { return Error::OptionInvalid(String::new()).status() };
    let keys = match (keys.is_empty(), Keys::from_bytes(keys)) {
        (true, _) => None,
        (false, Ok(keys)) => Some(keys),
        (false, Err(error)) => return error.status(),
    };
    panic::keep_message();
    memory::keep_to(memory_bytes as usize);
    memory::claim();
    let crypto = if crypto == 0 { Crypto::Simd } else { Crypto::Ring };
    let limits =
        Limits { connections: connections as usize, peers: peers as usize, memory_bytes: memory_bytes as usize };
    let mut engine = Instance::new(now as u64, wall_millis as u64, seed, limits).with_crypto(crypto);
    if let Some(keys) = keys {
        engine = engine.with_keys(&keys);
    }
    let arenas = Arenas::new(&mut engine);
    ABI.set(Some(Abi { engine, arenas, last_error: String::new() }));
    0
}

/// Where the arenas are.
#[wasm_bindgen]
pub fn layout(index: u32) -> u32 {
    with(|abi| abi.arenas.layout(index))
}

/// Bytes of memory in use.
#[wasm_bindgen]
pub fn memory_in_use() -> f64 {
    memory::in_use() as f64
}

/// Another budget.
#[wasm_bindgen]
pub fn set_memory_budget(bytes: u32) {
    memory::keep_to(bytes as usize);
    with(|abi| abi.engine.set_memory_budget(bytes as usize));
}

/// The budget, then what was done to keep it, in the order of the fields; last the requests for memory so far.
#[wasm_bindgen]
pub fn memory_stats() -> Vec<f64> {
    let MemoryStats { budget_bytes, pressed, presses, closed_connections, dropped_packets } =
        with(|abi| abi.engine.memory_stats());
    let counts = [presses, closed_connections, dropped_packets].map(|count| count as f64);
    let budget = [budget_bytes as f64, f64::from(u8::from(pressed))];
    budget.into_iter().chain(counts).chain([memory::requests() as f64]).collect()
}

/// The sentence of the last negative status.
#[wasm_bindgen]
pub fn last_error() -> String {
    with(|abi| abi.last_error.clone())
}

/// A server configuration; `certificates`: names, chain and key of each, see `certificates_of`; the first is the default;
/// `key_log` and `trace` are the host's numbers, 0 for none.
#[wasm_bindgen]
pub fn add_server_config(
    certificates: &[u8],
    alpn: &[u8],
    transport: &[f64],
    early_data: bool,
    key_log: u32,
    trace: u32,
) -> i32 {
    let observing = Observing { key_log, trace };
    with(|abi| {
        let result = TransportSettings::from_numbers(transport).and_then(|transport| {
            let certificates = certificates_of(certificates);
            let Some((&NamedCertificate { certificate_chain, private_key, .. }, named)) = certificates.split_first()
            else {
                return Err(Error::CertificateInvalid("there is none".into()));
            };
            let options =
                ServerOptions { certificate_chain, private_key, named, alpn, transport, early_data, observing };
            abi.engine.add_server_config(options)
        });
        abi.status(result)
    })
}

/// Names, chain and key of each, every one a byte string behind its length, as far as they are whole.
fn certificates_of(mut bytes: &[u8]) -> Vec<NamedCertificate<'_>> {
    let mut certificates = Vec::new();
    while let Some((names, rest)) = byte_string(bytes)
        && let Some((certificate_chain, rest)) = byte_string(rest)
        && let Some((private_key, rest)) = byte_string(rest)
    {
        let names = str::from_utf8(names).unwrap_or_default();
        certificates.push(NamedCertificate { names, certificate_chain, private_key });
        bytes = rest;
    }
    certificates
}

/// A byte string behind its length (u32, big endian), and what follows it.
fn byte_string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, tail) = bytes.split_first_chunk::<4>()?;
    tail.split_at_checked(u32::from_be_bytes(*length) as usize)
}

/// A client configuration; trust 0 none, 1 SHA-256, 2 roots; `key_log` and `trace` as for a server.
#[wasm_bindgen]
pub fn add_client_config(
    alpn: &[u8],
    trust: u32,
    material: &[u8],
    transport: &[f64],
    early_data: bool,
    key_log: u32,
    trace: u32,
) -> i32 {
    let trust = match trust {
        0 => Trust::None,
        1 => Trust::Sha256,
        _ => Trust::Roots,
    };
    let observing = Observing { key_log, trace };
    with(|abi| {
        let result = TransportSettings::from_numbers(transport).and_then(|transport| {
            abi.engine.add_client_config(ClientOptions { alpn, trust, material, transport, early_data, observing })
        });
        abi.status(result)
    })
}

/// Gives a configuration up.
#[wasm_bindgen]
pub fn free_config(config: u32) -> i32 {
    with(|abi| {
        let result = abi.engine.free_config(config).map(|()| 0);
        abi.status(result)
    })
}

fn optional(config: i32) -> Option<u32> {
    u32::try_from(config).ok()
}

/// A new endpoint; `server_config` -1: it only connects; `limits`: handshakes, connections (0: the engine's limit), and of one
/// address the same (0: its share).
#[wasm_bindgen]
pub fn open_endpoint(server_config: i32, limits: &[u32]) -> i32 {
    let &[handshakes, connections, of_address, connections_of_address] = limits else {
        return Error::OptionInvalid(String::new()).status();
    };
    let given = |limit: u32| (limit > 0).then_some(limit as usize);
    let limits = EndpointLimits {
        handshakes: handshakes as usize,
        connections: given(connections).unwrap_or(usize::MAX),
        handshakes_per_address: given(of_address),
        connections_per_address: given(connections_of_address),
    };
    with(|abi| {
        let result = abi.engine.open_endpoint(optional(server_config), limits);
        abi.status(result)
    })
}

/// For new connections.
#[wasm_bindgen]
pub fn set_server_config(endpoint: u32, server_config: i32) -> i32 {
    with(|abi| {
        let result = abi.engine.set_server_config(endpoint, optional(server_config)).map(|()| 0);
        abi.status(result)
    })
}

/// Closes its connections and then the endpoint.
#[wasm_bindgen]
pub fn close_endpoint(endpoint: u32, now: f64) -> i32 {
    with(|abi| {
        let result = abi.engine.close_endpoint(endpoint, now as u64).map(|()| 0);
        abi.status(result)
    })
}

/// Starts a handshake.
#[wasm_bindgen]
pub fn connect(endpoint: u32, config: u32, peer: u32, server_name: &str, now: f64) -> i32 {
    with(|abi| {
        let result = abi.engine.connect(endpoint, config, peer, server_name, now as u64);
        abi.status(result)
    })
}

/// Closes with a code and a reason.
#[wasm_bindgen]
pub fn close_connection(connection: u32, high: u32, low: u32, reason: &[u8], now: f64) -> i32 {
    let code = u64::from(high) << 32 | u64::from(low);
    with(|abi| {
        let reason = Bytes::copy_from_slice(reason);
        let result = abi.engine.close(connection, code, reason, now as u64).map(|()| 0);
        abi.status(result)
    })
}

/// The chosen protocol.
#[wasm_bindgen]
pub fn connection_alpn(connection: u32) -> String {
    with(|abi| {
        abi.engine.info(connection).map(|info| String::from_utf8_lossy(&info.alpn).into_owned()).unwrap_or_default()
    })
}

/// Keying material of the TLS session; empty if there is none to be had.
#[wasm_bindgen]
pub fn export_keying_material(connection: u32, label: &[u8], context: &[u8], length: u32) -> Vec<u8> {
    with(|abi| {
        let mut output = vec![0; length as usize];
        let result = abi.engine.export_keying_material(connection, label, context, &mut output).map(|()| 0);
        if abi.status(result) == 0 { output } else { Vec::new() }
    })
}

/// The name the client asked for.
#[wasm_bindgen]
pub fn connection_server_name(connection: u32) -> String {
    with(|abi| abi.engine.info(connection).map(|info| info.server_name).unwrap_or_default())
}

/// The address index of the current path.
#[wasm_bindgen]
pub fn connection_peer(connection: u32) -> i32 {
    with(|abi| {
        let result = abi.engine.info(connection).map(|info| info.peer);
        abi.status(result)
    })
}

/// 0 client, 1 server.
#[wasm_bindgen]
pub fn connection_side(connection: u32) -> i32 {
    with(|abi| {
        let result = abi.engine.info(connection).map(|info| u32::from(info.side == Side::Server));
        abi.status(result)
    })
}

/// 1: a ticket stood in for the certificate.
#[wasm_bindgen]
pub fn connection_resumed(connection: u32) -> i32 {
    with(|abi| {
        let result = abi.engine.info(connection).map(|info| u32::from(info.resumed));
        abi.status(result)
    })
}

/// 0 none, 1 offered, 2 accepted, 3 rejected.
#[wasm_bindgen]
pub fn connection_early_data(connection: u32) -> i32 {
    with(|abi| {
        let result = abi.engine.info(connection).map(|info| info.early_data as u32);
        abi.status(result)
    })
}

/// Counters, in the order of the fields; none of a connection that is gone.
#[wasm_bindgen]
pub fn connection_stats(connection: u32) -> Vec<f64> {
    let Ok(stats) = with(|abi| abi.engine.stats(connection)) else { return Vec::new() };
    let ConnectionStats {
        rtt_micros,
        min_rtt_micros,
        cwnd_bytes,
        mtu,
        sent_packets,
        lost_packets,
        received_packets,
        sent_bytes,
        received_bytes,
        lost_bytes,
        congestion_events,
        black_holes,
        opened_streams,
        accepted_streams,
        ready_streams,
        sent_datagrams,
        received_datagrams,
        dropped_datagrams,
        queued_datagrams,
    } = stats;
    [
        rtt_micros,
        min_rtt_micros,
        cwnd_bytes,
        mtu,
        sent_packets,
        lost_packets,
        received_packets,
        sent_bytes,
        received_bytes,
        lost_bytes,
        congestion_events,
        black_holes,
        opened_streams,
        accepted_streams,
        ready_streams,
        sent_datagrams,
        received_datagrams,
        dropped_datagrams,
        queued_datagrams,
    ]
    .map(|number| number as f64)
    .into()
}

/// Encrypts with new keys from now on.
#[wasm_bindgen]
pub fn update_keys(connection: u32) -> i32 {
    with(|abi| {
        let result = abi.engine.update_keys(connection).map(|()| 0);
        abi.status(result)
    })
}

/// Asks for an event when fewer datagrams than `below` wait.
#[wasm_bindgen]
pub fn await_datagram_room(connection: u32, below: u32) -> i32 {
    with(|abi| {
        let result = abi.engine.await_datagram_room(connection, below as usize).map(|()| 0);
        abi.status(result)
    })
}

/// Streams the peer may have open; direction 0 bidirectional, 1 unidirectional.
#[wasm_bindgen]
pub fn set_max_streams(connection: u32, direction: u32, count: u32) -> i32 {
    let dir = if direction == 0 { Dir::Bi } else { Dir::Uni };
    with(|abi| {
        let result = abi.engine.set_max_streams(connection, dir, u64::from(count)).map(|()| 0);
        abi.status(result)
    })
}

/// Unread bytes the peer may have under way.
#[wasm_bindgen]
pub fn set_receive_window(connection: u32, bytes: f64) -> i32 {
    with(|abi| {
        let result = abi.engine.set_receive_window(connection, bytes as u64).map(|()| 0);
        abi.status(result)
    })
}
