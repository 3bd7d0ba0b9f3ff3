//! Who is let in: an address does not take the room of all others, nor what is new that of what is there.

mod support;

use std::net::SocketAddr;

use moqingbird_quic::*;
use support::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const SERVER: &str = "192.0.2.1:4433";
const CONNECTION_REFUSED: u64 = 0x2;
/// Longer than three probe time-outs: what ended is forgotten.
const LONG: u64 = 5 * SECOND;

/// A client at an address, and how far it has come.
struct Client {
    target: Target,
    handle: u32,
    address: SocketAddr,
}

impl Client {
    fn at(address: &str, seed: u8) -> Self {
        let (target, handle) = Target::client(SERVER.parse().unwrap(), seed);
        Self { target, handle, address: address.parse().unwrap() }
    }

    fn is_up(&self) -> bool {
        self.target.connected() == [self.handle]
    }

    fn refused(&self) -> bool {
        self.target.closed(self.handle) == Some((ClosedBy::PeerTransport, CONNECTION_REFUSED))
    }
}

/// Carries one flight of the client's, and the answers to it; how many of these are Retry packets.
fn flight(server: &mut Target, client: &mut Client) -> usize {
    for (_, packet) in client.target.turn() {
        server.ingest(client.address, &packet);
    }
    let mut retries = 0;
    for (to, answer) in server.turn() {
        if to == client.address {
            retries += usize::from(answer[0] >> 4 == 0xf);
            client.target.ingest(SERVER.parse().unwrap(), &answer);
        }
    }
    retries
}

/// The client connects, or is refused; how many Retry packets it was sent.
fn dial(server: &mut Target, client: &mut Client) -> usize {
    (0..5).map(|_| flight(server, client)).sum()
}

fn reasons(server: &Target) -> Vec<String> {
    let reason = |event: &Event| match event {
        Event::Refused { reason, .. } => Some(String::from_utf8_lossy(reason).into_owned()),
        _ => None,
    };
    server.events.iter().filter_map(reason).collect()
}

#[test]
fn connections_above_an_address_own_limit_are_refused_and_others_are_not() {
    let mut server =
        Target::server_with(EndpointLimits { connections_per_address: Some(2), ..EndpointLimits::default() });
    let mut clients: Vec<_> = (0..3).map(|n| Client::at(&format!("198.51.100.7:{}", 1000 + n), 20 + n as u8)).collect();
    for client in &mut clients {
        dial(&mut server, client);
    }
    assert!(clients[0].is_up() && clients[1].is_up());
    assert!(clients[2].refused());
    assert_eq!(reasons(&server), ["no room for another connection of this address"]);
    let mut other = Client::at("198.51.100.8:1000", 30);
    dial(&mut server, &mut other);
    assert!(other.is_up());

    // One leaves, and there is room again.
    let first = server.connected()[0];
    server.engine.close(first, 0, bytes::Bytes::new(), server.now).unwrap();
    server.turn();
    server.now += LONG;
    server.turn();
    let mut late = Client::at("198.51.100.7:2000", 31);
    dial(&mut server, &mut late);
    assert!(late.is_up());
}

#[test]
fn all_addresses_of_an_ipv6_network_count_as_one() {
    let mut server =
        Target::server_with(EndpointLimits { connections_per_address: Some(1), ..EndpointLimits::default() });
    let addresses = ["[2001:db8:1:2::1]:1", "[2001:db8:1:2:ffff:ffff:ffff:ffff]:1", "[2001:db8:1:3::1]:1"];
    let mut clients: Vec<_> = addresses.iter().zip(20..).map(|(address, seed)| Client::at(address, seed)).collect();
    for client in &mut clients {
        dial(&mut server, client);
    }
    assert!(clients[0].is_up() && clients[1].refused() && clients[2].is_up());
}

#[test]
fn handshakes_with_one_address_must_prove_it_and_are_refused_above_its_limit() {
    let mut server =
        Target::server_with(EndpointLimits { handshakes_per_address: Some(16), ..EndpointLimits::default() });
    let mut retries = Vec::new();
    let mut begun = Vec::new();
    for n in 0..17u8 {
        let mut client = Client::at(&format!("198.51.100.7:{}", 1000 + u16::from(n)), 20 + n);
        // Two flights take a client through a Retry, and then it falls silent; or one without.
        let asked = flight(&mut server, &mut client);
        retries.push(asked);
        if asked > 0 {
            flight(&mut server, &mut client);
        }
        begun.push(client);
    }
    assert_eq!(retries[..2], [0, 0]);
    assert_eq!(retries[2..], [1; 15]);
    assert_eq!(reasons(&server), ["no room for another handshake with this address"]);
    // Whoever else comes is served at once.
    let mut other = Client::at("198.51.100.8:1000", 60);
    assert_eq!(dial(&mut server, &mut other), 0);
    assert!(other.is_up());
    // One goes on, and its place is free.
    dial(&mut server, &mut begun[0]);
    assert!(begun[0].is_up());
    let mut late = Client::at("198.51.100.7:2000", 61);
    assert_eq!(dial(&mut server, &mut late), 1);
    assert!(late.is_up());
}

#[test]
fn packets_with_somebody_elses_address_do_not_lock_him_out() {
    let mut server = Target::server();
    for n in 0..200u8 {
        // The answers go to the victim, who knows nothing of them.
        let mut forged = Client::at(&format!("198.51.100.7:{}", 1000 + u16::from(n)), n);
        for (_, packet) in forged.target.turn() {
            server.ingest(forged.address, &packet);
        }
        server.turn();
    }
    let mut victim = Client::at("198.51.100.7:999", 201);
    assert_eq!(dial(&mut server, &mut victim), 1);
    assert!(victim.is_up());
    assert_eq!(reasons(&server), [""; 0]);
}

#[test]
fn by_default_an_address_has_a_quarter_of_all_and_this_host_everything() {
    for (host, most) in [("198.51.100.7", 20), ("127.0.0.1", 80)] {
        let mut server = Target::server_with(EndpointLimits { connections: 80, ..EndpointLimits::default() });
        for n in 0..=most {
            let mut client = Client::at(&format!("{host}:{}", 1000 + u16::from(n)), n);
            dial(&mut server, &mut client);
            assert_eq!(client.is_up(), n < most, "connection {n} of {host}");
            assert_eq!(client.refused(), n == most, "connection {n} of {host}");
        }
    }
}

#[test]
fn as_memory_fills_clients_must_prove_their_address_and_then_are_refused() {
    let mut server = Target::server();
    let budget = Limits::default().memory_bytes;
    // Percent of it, Retry packets, refused: pressed until it is below the half again.
    let course = [(60, 0, false), (66, 1, false), (81, 0, true), (79, 1, false), (51, 1, false), (49, 0, false)];
    for (seed, (percent, retries, refused)) in (20..).zip(course) {
        server.engine.note_memory(budget / 100 * percent, server.now);
        let mut client = Client::at("198.51.100.7:1000", seed);
        assert_eq!(dial(&mut server, &mut client), retries, "at {percent} %");
        assert_eq!((client.is_up(), client.refused()), (!refused, refused), "at {percent} %");
    }
    assert_eq!(reasons(&server), ["no room for another connection"]);
}

#[test]
fn a_handshake_that_goes_no_further_is_given_up_in_time_and_leaves_its_room_to_others() {
    let mut server = Target::server_with(EndpointLimits { handshakes: 8, ..EndpointLimits::default() });
    let mut quiet = Client::at("198.51.100.7:1000", 20);
    assert_eq!(flight(&mut server, &mut quiet), 0);
    let mut second = Client::at("198.51.100.8:1000", 21);
    assert_eq!(dial(&mut server, &mut second), 1, "an eighth of the room is taken");
    for (seconds, retries) in [(9, 1), (2, 0)] {
        server.now += seconds * SECOND;
        server.turn();
        server.now += LONG / 10;
        server.turn();
        let mut next = Client::at("198.51.100.9:1000", 22 + seconds as u8);
        assert_eq!(dial(&mut server, &mut next), retries, "{seconds} s later");
        assert!(next.is_up());
    }
}
