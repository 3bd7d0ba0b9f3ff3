//! 0-RTT between two engines: when what a client says before the handshake is told, and when it is not.

mod support;

use bytes::Bytes;
use moqingbird_quic::*;
use moqingbird_rogue::{Frames, Hello, Options, client_config};
use support::{
    Assault, FIRST_UNI_STREAMS, SECOND, Target,
    pair::{DELAY, Pair, received, streams},
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// A datagram has a 0-RTT packet (RFC 9000 section 17.2.3), which may stand behind another.
fn is_early(mut datagram: &[u8]) -> bool {
    while let Some(first) = datagram.first().filter(|&first| first & 0x80 != 0) {
        let kind = first >> 4 & 0x3;
        if kind == 1 {
            return true;
        }
        let ids = after_bytes(after_bytes(&datagram[5..]));
        let token = if kind == 0 { after_run(ids) } else { ids };
        datagram = after_run(token);
    }
    false
}

/// What follows bytes behind a byte with their number.
fn after_bytes(from: &[u8]) -> &[u8] {
    &from[1 + usize::from(from[0])..]
}

/// What follows bytes behind an integer of variable length with their number (RFC 9000 section 16).
fn after_run(from: &[u8]) -> &[u8] {
    let size = 1 << (from[0] >> 6);
    let first = usize::from(from[0] & 0x3f);
    let length = from[1..size].iter().fold(first, |length, &byte| length << 8 | usize::from(byte));
    &from[size + length..]
}

fn is_connected(events: &[Event]) -> bool {
    events.iter().any(|event| matches!(event, Event::Connected { .. }))
}

fn connected(events: &[Event]) -> Option<u32> {
    events
        .iter()
        .find_map(|event| if let Event::Connected { connection, .. } = event { Some(*connection) } else { None })
}

/// A first connection has brought tickets and is over; nothing is heard of it any more.
fn acquainted(client_offers: bool, server_takes: bool) -> Pair {
    let mut pair = Pair::with_early_data(client_offers, server_takes);
    pair.run(|pair| is_connected(&pair.client.events) && is_connected(&pair.server.events));
    pair.pass(10 * DELAY);
    pair.client.engine.close(pair.connection, 0, Bytes::new(), pair.now).unwrap();
    pair.pass(2_000_000);
    for host in [&mut pair.client, &mut pair.server] {
        assert!(matches!(host.events.last(), Some(Event::Drained { .. } | Event::Timer { .. })));
        host.events.clear();
    }
    pair.dial();
    pair
}

/// The client's first flight; the server has none of it.
fn first_flight(pair: &mut Pair) -> Vec<Vec<u8>> {
    pair.client.turn(pair.now)
}

fn early_data(pair: &Pair) -> (EarlyData, EarlyData) {
    let far = connected(&pair.server.events).expect("the server's handshake is done");
    let [near, far] = [(&pair.client, pair.connection), (&pair.server, far)]
        .map(|(host, connection)| host.engine.info(connection).unwrap().early_data);
    (near, far)
}

#[test]
fn what_a_client_says_before_the_handshake_is_there_at_its_end() {
    let mut pair = acquainted(true, true);
    assert_eq!(pair.client.engine.info(pair.connection).unwrap().early_data, EarlyData::Offered);
    pair.client.send(pair.connection, Dir::Uni, &[7; 5000]);
    assert!(pair.client.engine.send_datagram(pair.connection, Bytes::from_static(b"now"), 0, 0).unwrap().is_some());
    let flight = first_flight(&mut pair);
    assert!(flight.iter().filter(|packet| is_early(packet)).count() >= 5);
    pair.server.inbox.extend(flight.into_iter().map(|packet| (pair.now, packet)));
    pair.run(|pair| streams(&pair.server).first().is_some_and(|&stream| received(&pair.server, stream).1));
    assert_eq!(received(&pair.server, streams(&pair.server)[0]).0, [7; 5000]);
    assert!(pair.server.events.iter().any(|event| matches!(event, Event::Datagram { bytes, .. } if bytes == "now")));
    assert_eq!(early_data(&pair), (EarlyData::Accepted, EarlyData::Accepted));
    assert_eq!(pair.client.engine.stats(pair.connection).unwrap().lost_packets, 0);
}

#[test]
fn a_stream_begun_before_the_handshake_goes_on_after_it() {
    let mut pair = acquainted(true, true);
    let body: Vec<u8> = (0..500_000u32).map(|n| (n ^ n >> 8) as u8).collect();
    pair.client.send(pair.connection, Dir::Bi, &body);
    pair.run(|pair| streams(&pair.server).first().is_some_and(|&stream| received(&pair.server, stream).1));
    assert!(received(&pair.server, streams(&pair.server)[0]).0 == body);
    assert_eq!(early_data(&pair), (EarlyData::Accepted, EarlyData::Accepted));
}

#[test]
fn nothing_is_told_of_a_connection_before_its_handshake_is_done() {
    let mut pair = acquainted(true, true);
    pair.client.send(pair.connection, Dir::Uni, b"hello");
    pair.client.send(pair.connection, Dir::Bi, b"and again");
    let _ = pair.client.engine.send_datagram(pair.connection, Bytes::from_static(b"now"), 0, 0);
    let flight = first_flight(&mut pair);
    assert!(flight.iter().any(|packet| is_early(packet)));
    pair.server.inbox.extend(flight.into_iter().map(|packet| (pair.now, packet)));
    let answers = pair.server.turn(pair.now);
    assert!(pair.server.events.is_empty(), "{:?}", pair.server.events);
    // A second passes and the client, whose packets go astray, finishes on its side.
    pair.client.inbox.extend(answers.into_iter().map(|packet| (pair.now, packet)));
    let finished = pair.client.turn(pair.now);
    assert!(is_connected(&pair.client.events));
    pair.now += 1_000_000;
    pair.server.turn(pair.now);
    assert!(pair.server.events.is_empty(), "{:?}", pair.server.events);
    // Its handshake packets alone: what was said was there before.
    let handshake = finished.into_iter().filter(|packet| packet[0] & 0x80 != 0);
    pair.server.inbox.extend(handshake.map(|packet| (pair.now, packet)));
    pair.server.turn(pair.now);
    assert!(matches!(pair.server.events[0], Event::Connected { server: true, .. }), "{:?}", pair.server.events);
    let mut said: Vec<_> = streams(&pair.server).into_iter().map(|stream| received(&pair.server, stream).0).collect();
    said.sort();
    assert_eq!(said, [b"and again".to_vec(), b"hello".to_vec()]);
    assert!(pair.server.events.iter().any(|event| matches!(event, Event::Datagram { bytes, .. } if bytes == "now")));
}

#[test]
fn a_recorded_first_flight_is_delivered_once() {
    let mut pair = acquainted(true, true);
    pair.client.send(pair.connection, Dir::Uni, b"pay");
    let flight = first_flight(&mut pair);
    assert!(flight.iter().any(|packet| is_early(packet)));
    pair.server.inbox.extend(flight.iter().map(|packet| (pair.now, packet.clone())));
    pair.run(|pair| streams(&pair.server).len() == 1);
    // Again, while the connection lives and when it is forgotten.
    for round in 0..2 {
        pair.server.events.clear();
        pair.server.inbox.extend(flight.iter().map(|packet| (pair.now, packet.clone())));
        pair.pass(1_000_000);
        assert!(pair.server.events.is_empty(), "round {round}: {:?}", pair.server.events);
        if round == 0 {
            pair.client.engine.close(pair.connection, 0, Bytes::new(), pair.now).unwrap();
            pair.pass(2_000_000);
        }
    }
    // The ticket is used up, so that this was a handshake without 0-RTT, which nobody can finish.
    pair.pass(11_000_000);
    let [Event::Closed { by: ClosedBy::Idle, .. }, Event::Drained { .. }] = pair.server.events[..] else {
        panic!("{:?}", pair.server.events)
    };
}

#[test]
fn where_the_server_takes_none_the_streams_are_gone_and_others_go() {
    let mut pair = acquainted(true, true);
    let successor = pair.server.serve(true);
    pair.server.engine.set_server_config(pair.server.endpoint, Some(successor)).unwrap();
    let lost = pair.client.send(pair.connection, Dir::Uni, &[7; 100_000]);
    let asleep = pair.client.engine.open_stream(pair.connection, Dir::Bi, 0).unwrap();
    let flight = first_flight(&mut pair);
    assert!(flight.iter().any(|packet| is_early(packet)));
    pair.server.inbox.extend(flight.into_iter().map(|packet| (pair.now, packet)));
    pair.run(|pair| is_connected(&pair.client.events) && is_connected(&pair.server.events));
    assert_eq!(early_data(&pair), (EarlyData::Rejected, EarlyData::None));
    for stream in [lost, asleep] {
        assert_eq!(pair.client.engine.activate(stream), Err(Error::StaleHandle));
    }
    pair.client.send(pair.connection, Dir::Uni, &[8; 100_000]);
    pair.run(|pair| streams(&pair.server).first().is_some_and(|&stream| received(&pair.server, stream).1));
    assert_eq!(streams(&pair.server).len(), 1);
    assert_eq!(received(&pair.server, streams(&pair.server)[0]).0, [8; 100_000]);
    // The ticket of this handshake is one of the successor's.
    pair.pass(10 * DELAY);
    pair.server.events.clear();
    pair.dial();
    pair.client.send(pair.connection, Dir::Uni, b"again");
    pair.run(|pair| streams(&pair.server).len() == 1);
    assert_eq!(early_data(&pair), (EarlyData::Accepted, EarlyData::Accepted));
}

#[test]
fn a_window_full_of_0_rtt_does_not_hold_up_the_handshake() {
    let mut pair = acquainted(true, true);
    pair.client.send(pair.connection, Dir::Uni, &[7; 100_000]);
    let flight = first_flight(&mut pair);
    pair.server.inbox.extend(flight.into_iter().map(|packet| (pair.now, packet)));
    // The answer is lost, and so is what acknowledges 0-RTT: packets of 1-RTT, which have short headers.
    assert!(!pair.server.turn(pair.now).is_empty());
    pair.loses = |packet| packet[0] & 0x80 == 0;
    pair.run(|pair| is_connected(&pair.server.events));
    pair.loses = |_| false;
    pair.run(|pair| streams(&pair.server).first().is_some_and(|&stream| received(&pair.server, stream).1));
    assert_eq!(received(&pair.server, streams(&pair.server)[0]).0, [7; 100_000]);
    assert_eq!(early_data(&pair), (EarlyData::Accepted, EarlyData::Accepted));
}

#[test]
fn without_leave_of_both_sides_nothing_leaves_early() {
    for (client_offers, server_takes) in [(false, true), (true, false), (false, false)] {
        let mut pair = acquainted(client_offers, server_takes);
        pair.client.send(pair.connection, Dir::Uni, b"hello");
        let flight = first_flight(&mut pair);
        assert!(!flight.iter().any(|packet| is_early(packet)));
        assert_eq!(pair.client.engine.info(pair.connection).unwrap().early_data, EarlyData::None);
        pair.server.inbox.extend(flight.into_iter().map(|packet| (pair.now, packet)));
        pair.run(|pair| streams(&pair.server).len() == 1);
        let far = connected(&pair.server.events).unwrap();
        assert_eq!(early_data(&pair), (EarlyData::None, EarlyData::None));
        for (host, connection) in [(&pair.client, pair.connection), (&pair.server, far)] {
            assert!(host.engine.info(connection).unwrap().resumed, "{client_offers} {server_takes}");
        }
    }
}

const PROTOCOL_VIOLATION: u64 = 0xa;
/// A client's first unidirectional stream.
const CLIENT_UNI: u64 = 2;

/// A rogue that was here before: the engine waits for the rest of its handshake.
fn returning() -> Assault {
    let options = Options { tls: Some(client_config(&["test"])), ..Options::default() };
    let mut assault = Assault::on(Target::taking_early(), options.clone());
    assault.exchange();
    assert_eq!(assault.rogue.hello, Hello::Done);
    assault.target.engine.close(assault.handle(), 0, Bytes::new(), assault.target.now).unwrap();
    assault.pass(SECOND);
    assault.target.events.clear();
    let mut assault = Assault::on(assault.target, Options { seed: 2, ..options });
    for packet in assault.rogue.take() {
        assault.target.ingest(assault.address, &packet);
    }
    assault
}

/// Sends it in 0-RTT; the rogue does not answer the handshake.
fn say_early(assault: &mut Assault, frames: &Frames) {
    assault.rogue.send_early(frames);
    for packet in assault.rogue.take() {
        assault.target.ingest(assault.address, &packet);
    }
    assault.rogue.talks_tls = false;
    for (_, answer) in assault.target.turn() {
        assault.rogue.receive(&answer);
    }
}

/// How the connection that was never up ended.
fn ended(assault: &Assault) -> Option<(ClosedBy, u64, Bytes)> {
    assault.target.events.iter().find_map(|event| match event {
        Event::Closed { by, code, reason, .. } => Some((*by, *code, reason.clone())),
        _ => None,
    })
}

#[test]
fn crypto_frames_in_0_rtt_are_a_violation() {
    // RFC 9001 section 8.3.
    let mut assault = returning();
    say_early(&mut assault, &Frames::new().crypto(0, b"x"));
    assert_eq!(ended(&assault).map(|(by, code, _)| (by, code)), Some((ClosedBy::Transport, PROTOCOL_VIOLATION)));
    assert_eq!(assault.rogue.close_heard().map(|(code, _)| code), Some(PROTOCOL_VIOLATION));
}

#[test]
fn what_is_held_before_the_handshake_is_bounded_in_frames() {
    let mut assault = returning();
    let mut sent = 0;
    while ended(&assault).is_none() {
        // Every other byte, so that nothing is in order and nothing can be merged.
        let frames = (0..100).fold(Frames::new(), |frames, n| {
            let (stream, at) = ((sent + n) % FIRST_UNI_STREAMS, (sent + n) / FIRST_UNI_STREAMS);
            frames.stream(CLIENT_UNI + 4 * stream, 1 + 2 * at, b"x", false)
        });
        say_early(&mut assault, &frames);
        sent += 100;
        assert!(sent <= 64 << 10, "{sent} frames are held");
    }
    assert!(!assault.target.events.iter().any(|event| matches!(event, Event::Connected { .. } | Event::Stream { .. })));
    let (by, _, reason) = ended(&assault).unwrap();
    println!("{sent} frames: {reason:?}");
    assert_eq!(by, ClosedBy::Transport);
}

#[test]
fn what_is_held_before_the_handshake_keeps_to_the_windows() {
    const FLOW_CONTROL_ERROR: u64 = 0x3;
    let mut assault = returning();
    say_early(&mut assault, &Frames::new().stream(CLIENT_UNI, support::STREAM_WINDOW, b"x", false));
    assert_eq!(ended(&assault).map(|(by, code, _)| (by, code)), Some((ClosedBy::Transport, FLOW_CONTROL_ERROR)));
}
