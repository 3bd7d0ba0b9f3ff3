//! Two engines on one virtual clock, without JavaScript: the same contract the tests of its JavaScript face hold.

use bytes::Bytes;
use moqingbird_quic::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

mod support;

use support::pair::{DELAY, Host, Pair, received, streams};

#[test]
fn a_megabyte_and_a_datagram_arrive_and_a_close_is_heard_once() {
    let mut pair = Pair::new();
    let body: Vec<u8> = (0..1_000_000u32).map(|n| (n ^ n >> 8) as u8).collect();
    let connection = pair.connection;
    pair.client.send(connection, Dir::Uni, &body);
    assert!(pair.client.engine.send_datagram(connection, Bytes::from_static(b"now"), 0, 0).unwrap().is_some());
    pair.run(|pair| streams(&pair.server).first().is_some_and(|&stream| received(&pair.server, stream).1));
    assert!(received(&pair.server, streams(&pair.server)[0]).0 == body);
    assert!(pair.server.events.iter().any(|event| matches!(event, Event::Datagram { bytes, .. } if bytes == "now")));

    pair.client.engine.close(connection, 77, Bytes::from_static(b"done"), pair.now).unwrap();
    let drained = |host: &Host| host.events.iter().any(|event| matches!(event, Event::Drained { .. }));
    pair.run(|pair| drained(&pair.client) && drained(&pair.server));
    for (host, expected) in [(&pair.client, ClosedBy::Local), (&pair.server, ClosedBy::PeerApplication)] {
        let closes: Vec<_> = host
            .events
            .iter()
            .filter_map(|event| {
                if let Event::Closed { by, code, reason, .. } = event { Some((*by, *code, reason)) } else { None }
            })
            .collect();
        assert_eq!(closes, [(expected, 77, &Bytes::from_static(b"done"))]);
    }
}

#[test]
fn streams_beyond_the_peers_limit_wait_and_all_arrive() {
    let mut pair = Pair::new();
    for n in 0..200u8 {
        pair.client.send(pair.connection, Dir::Bi, &[n; 3000]);
    }
    let finished = |pair: &Pair| {
        pair.server.events.iter().filter(|event| matches!(event, Event::Data { fin: true, .. })).count() == 200
    };
    // The server must end its sides too, or the client may open no more.
    for _ in 0..1000 {
        if finished(&pair) {
            break;
        }
        let seen = pair.server.events.len();
        pair.run(|pair| pair.server.events.len() > seen);
        for stream in streams(&pair.server) {
            let _ = pair.server.engine.reset(stream, 0);
        }
    }
    assert!(finished(&pair));
    for stream in streams(&pair.server) {
        let (body, _) = received(&pair.server, stream);
        assert_eq!(body.len(), 3000);
        assert!(body.iter().all(|byte| *byte == body[0]));
    }
}

#[test]
fn a_stale_handle_is_an_error() {
    let mut pair = Pair::new();
    pair.run(|pair| pair.client.events.iter().any(|event| matches!(event, Event::Connected { .. })));
    let stream = pair.client.send(pair.connection, Dir::Uni, b"x");
    pair.run(|pair| pair.client.events.iter().any(|event| matches!(event, Event::Released { .. })));
    let engine = &mut pair.client.engine;
    assert_eq!(engine.activate(stream), Err(Error::StaleHandle));
    assert_eq!(engine.close(0xffff, 0, Bytes::new(), 0), Err(Error::StaleHandle));
    assert_eq!(engine.free_config(99), Err(Error::StaleHandle));
}

#[test]
fn data_that_overtakes_the_end_of_the_handshake_is_not_lost() {
    let mut pair = Pair::new();
    pair.client.send(pair.connection, Dir::Uni, &[7; 9000]);
    pair.run(|pair| pair.client.events.iter().any(|event| matches!(event, Event::Connected { .. })));
    let mut late = 0;
    for (at, packet) in &mut pair.server.inbox {
        if packet[0] & 0x80 != 0 {
            *at += 3 * DELAY;
            late += 1;
        }
    }
    assert!(late > 0 && pair.server.inbox.len() > late + 5, "{late} of {}", pair.server.inbox.len());
    pair.run(|pair| streams(&pair.server).first().is_some_and(|&stream| received(&pair.server, stream).1));
    assert_eq!(received(&pair.server, streams(&pair.server)[0]).0, [7; 9000]);
    assert_eq!(pair.client.engine.stats(pair.connection).unwrap().lost_packets, 0);
}
