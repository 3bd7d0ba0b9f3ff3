//! Known attacks on QUIC stacks. Each must leave the server's memory nearly as it was, cost it per packet little more than
//! honest traffic, let a healthy client through meanwhile, and end with the right code where the RFC names one.

#[path = "support/siege.rs"]
mod siege; // With an allocator of its own, so not of every test program.
mod support;

use moqingbird_quic::*;
use moqingbird_rogue::{Frames, Heard, Hello, Options, Peer, Shape, Space, retry, version_negotiation};
use siege::{Damage, MOST_COST, MOST_GROWTH, Siege, WAVE};
use support::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const CONNECTION_ID_LIMIT_ERROR: u64 = 0x9;
const PROTOCOL_VIOLATION: u64 = 0xa;
const INTERNAL_ERROR: u64 = 0x1;

/// A client's first unidirectional stream.
const UNI: u64 = 2;

fn bearable(damage: &Damage) {
    println!("{damage:?}");
    assert!(damage.growth <= MOST_GROWTH, "{damage:?}");
    // The wave that ends the connection also pays for its end.
    assert!(damage.waves == 1 || damage.cost <= MOST_COST, "{damage:?}");
}

fn send_all(rogue: &mut Peer, mut frames: impl FnMut(usize) -> Frames) {
    for n in 0..WAVE {
        rogue.send(Space::OneRtt, &frames(n));
    }
}

#[test]
fn path_challenges_whose_answers_are_never_acknowledged() {
    let mut siege = Siege::begin();
    siege.assault.rogue.acknowledges = false;
    let damage = siege.attack(200, |rogue, wave| {
        send_all(rogue, |n| (0..120u64).fold(Frames::new(), |frames, i| frames.path_challenge(wave as u64 ^ i << n)));
    });
    bearable(&damage);
    assert_eq!(siege.assault.verdict(), None);
}

#[test]
fn connection_ids_that_retire_one_another_without_acknowledgement() {
    let mut siege = Siege::begin();
    siege.assault.rogue.acknowledges = false;
    let mut sequence = 0;
    let damage = siege.attack(200, |rogue, _| {
        for _ in 0..WAVE {
            let mut frames = Frames::new();
            for _ in 0..30 {
                sequence += 1;
                frames = frames.new_connection_id(sequence, sequence, &sequence.to_be_bytes());
            }
            rogue.send(Space::OneRtt, &frames);
        }
    });
    bearable(&damage);
    // RFC 9000 section 5.1.2.
    assert_eq!(siege.assault.verdict().map(|(code, _)| code), Some(CONNECTION_ID_LIMIT_ERROR));
}

#[test]
fn connection_ids_that_retire_one_another_with_acknowledgement() {
    let mut siege = Siege::begin();
    let mut sequence = 0;
    let damage = siege.attack(200, |rogue, _| {
        for _ in 0..WAVE {
            sequence += 1;
            rogue.send(Space::OneRtt, &Frames::new().new_connection_id(sequence, sequence, &sequence.to_be_bytes()));
        }
    });
    bearable(&damage);
    assert_eq!(siege.assault.verdict(), None);
}

#[test]
fn our_connection_ids_retired_as_fast_as_they_come() {
    let mut siege = Siege::begin();
    let mut known = vec![0u64];
    let damage = siege.attack(200, |rogue, _| {
        for (_, heard) in &rogue.heard {
            if let Heard::NewConnectionId { sequence, .. } = heard {
                known.push(*sequence);
            }
        }
        // The one in use is kept: packets to a retired id are not ours any more.
        known.retain(|sequence| {
            let retire = *sequence > 0;
            if retire {
                rogue.send(Space::OneRtt, &Frames::new().retire_connection_id(*sequence));
            }
            !retire
        });
        rogue.send(Space::OneRtt, &Frames::new().ping());
    });
    println!("{damage:?}");
    assert!(damage.growth <= MOST_GROWTH, "{damage:?}");
}

#[test]
fn crypto_with_gaps_after_the_handshake() {
    let mut siege = Siege::begin();
    let mut at = 1;
    let damage = siege.attack(200, |rogue, _| {
        send_all(rogue, |n| {
            (0..180u64)
                .fold(Frames::new(), |frames, i| frames.crypto(((at + 2 * (n as u64 * 180 + i)) % 16_000) | 1, b"x"))
        });
        at += 2 * 180 * WAVE as u64;
    });
    bearable(&damage);
    // RFC 9000 section 7.5 leaves the code for gaps open.
    assert_eq!(siege.assault.verdict().map(|(code, _)| code), Some(INTERNAL_ERROR));
}

#[test]
fn a_tls_message_after_the_handshake_that_never_ends() {
    let mut siege = Siege::begin();
    // A handshake message of 16 MiB, by its header.
    let mut head = vec![4, 0xff, 0xff, 0xff];
    let damage = siege.attack(200, |rogue, _| {
        for _ in 0..WAVE {
            let mut bytes = std::mem::take(&mut head);
            bytes.resize(1000, 0);
            rogue.send_crypto(Space::OneRtt, &bytes);
        }
    });
    bearable(&damage);
    // TLS refuses its length at once, without an alert of its own.
    assert_eq!(siege.assault.verdict().map(|(code, _)| code), Some(PROTOCOL_VIOLATION));
}

#[test]
fn single_bytes_that_each_pin_a_packet() {
    let mut siege = Siege::begin_with_all_streams();
    let mut count = 0u64;
    let damage = siege.attack(400, |rogue, _| {
        for _ in 0..WAVE {
            count += 1;
            let (stream, at) = (count % UNI_STREAMS, count / UNI_STREAMS);
            rogue.send(Space::OneRtt, &Frames::new().stream(UNI + 4 * stream, 1 + 2 * at, b"x", false).pad_to(1150));
        }
    });
    println!("{damage:?}");
    // Full packets in order would do the same to a host that does not read: the window is granted.
    assert!(damage.growth <= CONNECTION_WINDOW as isize * 3 / 2, "{damage:?}");
    assert!(damage.cost <= MOST_COST, "{damage:?}");
    assert_eq!(siege.assault.verdict(), None);
}

#[test]
fn acknowledgements_of_packets_that_were_never_sent() {
    let mut siege = Siege::begin();
    siege.assault.rogue.acknowledges = false;
    let damage = siege.attack(10, |rogue, _| {
        let next = rogue.largest_received(Space::OneRtt).unwrap() + 100;
        rogue.send(Space::OneRtt, &Frames::new().ack(next, next, &[]));
    });
    assert_eq!(damage.waves, 1);
    // RFC 9000 section 13.1.
    assert_eq!(siege.assault.verdict().map(|(code, _)| code), Some(PROTOCOL_VIOLATION));
}

#[test]
fn acknowledgements_of_packets_before_they_arrive() {
    // An optimistic sender acknowledges ahead; skipped packet numbers give it away (RFC 9000 section 21.4).
    let mut assault = Assault::established();
    let handle = assault.handle();
    assault.rogue.acknowledges = false;
    for round in 0..200 {
        if assault.verdict().is_some() {
            assert!(round > 0);
            break;
        }
        assault.target.send(handle, Dir::Uni, &[1; 20_000]);
        assault.exchange();
        let largest = assault.rogue.largest_received(Space::OneRtt).unwrap();
        // All numbers up to the largest, whether they came or not.
        assault.send(
            Space::OneRtt,
            Frames::new().ack(largest, largest, &[]).max_streams(true, 1000).numbers(&[0x10, 1 << 40]),
        );
        assault.pass(10 * MILLISECOND);
    }
    assert_eq!(assault.verdict().map(|(code, _)| code), Some(PROTOCOL_VIOLATION));
}

#[test]
fn acknowledgements_with_as_many_ranges_as_fit() {
    let mut siege = Siege::begin();
    siege.assault.rogue.acknowledges = false;
    // Numbers must have been sent, so the ranges lie within those of a long transfer.
    let handle = siege.assault.handle();
    for _ in 0..40 {
        siege.assault.target.send(handle, Dir::Uni, &[1; 20_000]);
        let largest = siege.assault.rogue.largest_received(Space::OneRtt).unwrap_or(0);
        siege.assault.send(Space::OneRtt, Frames::new().ack(largest, 0, &[]).max_streams(true, 1000));
        siege.assault.pass(20 * MILLISECOND);
    }
    let damage = siege.attack(200, |rogue, _| {
        let largest = rogue.largest_received(Space::OneRtt).unwrap();
        let ranges: Vec<_> = (0..(largest / 2).saturating_sub(1).min(550)).map(|_| (0, 0)).collect();
        send_all(rogue, |_| Frames::new().ack(largest, 0, &ranges));
    });
    bearable(&damage);
}

#[test]
fn repeated_limits_and_frames_that_ask_for_nothing() {
    let mut siege = Siege::begin();
    let damage = siege.attack(100, |rogue, wave| {
        send_all(rogue, |n| {
            (0..200u64).fold(Frames::new(), |frames, i| match (i + n as u64) % 4 {
                0 => frames.ping(),
                1 => frames.max_streams(true, 20 + wave as u64),
                2 => frames.streams_blocked(true, i),
                _ => frames.numbers(&[0x14, i]),
            })
        });
    });
    bearable(&damage);
    assert_eq!(siege.assault.verdict(), None);
}

#[test]
fn streams_opened_and_reset_in_a_loop() {
    let mut siege = Siege::begin();
    let mut next = 0u64;
    let damage = siege.attack(300, |rogue, _| {
        for _ in 0..WAVE {
            let mut frames = Frames::new();
            for _ in 0..6 {
                frames = frames.reset_stream(UNI + 4 * next, 7, 0);
                next += 1;
            }
            rogue.send(Space::OneRtt, &frames);
        }
    });
    println!("{damage:?}");
    assert!(damage.growth <= MOST_GROWTH, "{damage:?}");
}

/// `bytes` on each of the peer's streams in turn, as the `at(n)`th piece of each.
fn scattered(count: &mut u64, frames: u64, bytes: &[u8], at: impl Fn(u64) -> u64) -> Frames {
    (0..frames).fold(Frames::new(), |frames, _| {
        let (stream, n) = (*count % UNI_STREAMS, *count / UNI_STREAMS);
        *count += 1;
        frames.stream(UNI + 4 * stream, at(n) * bytes.len() as u64, bytes, false)
    })
}

/// The connection was ended for the gaps on its streams.
fn ended_for_gaps(siege: &Siege, damage: &Damage) {
    println!("{damage:?}");
    assert!(damage.growth <= MOST_GROWTH, "{damage:?}");
    assert_eq!(siege.assault.rogue.application_close_heard(), Some(INTERNAL_ERROR));
    assert_eq!(siege.assault.target.closed(siege.assault.handle()), Some((ClosedBy::Transport, INTERNAL_ERROR)));
}

#[test]
fn single_bytes_with_gaps_on_every_stream() {
    let mut siege = Siege::begin_with_all_streams();
    let mut count = 0;
    let damage = siege.attack(400, |rogue, _| {
        send_all(rogue, |_| scattered(&mut count, 150, b"x", |n| 1 + 2 * n));
    });
    ended_for_gaps(&siege, &damage);
}

#[test]
fn single_bytes_with_gaps_on_every_stream_but_one_that_is_in_order() {
    let mut siege = Siege::begin_with_all_streams();
    let (mut count, mut sent) = (0, 0);
    let damage = siege.attack(400, |rogue, _| {
        send_all(rogue, |_| {
            let frames = scattered(&mut count, 100, b"x", |n| 1 + 2 * n).stream(0, sent, &[1; 400], false);
            sent += 400;
            frames
        });
    });
    ended_for_gaps(&siege, &damage);
}

#[test]
fn small_pieces_in_the_wrong_order_and_many_of_them_twice_are_no_attack() {
    let mut siege = Siege::begin_with_all_streams();
    let mut count = 0;
    let damage = siege.attack(500, |rogue, wave| {
        send_all(rogue, |n| {
            let mut from = if (wave + n) % 8 == 0 { count - count.min(40) } else { count };
            // Of four pieces of a stream the last comes first.
            let frames = scattered(&mut from, 40, b"a piece of text", |n| n / 4 * 4 + 3 - n % 4);
            count = count.max(from);
            frames
        });
    });
    println!("{damage:?}");
    assert!(count > 300_000);
    assert!(damage.growth <= MOST_GROWTH, "{damage:?}");
    assert_eq!(siege.assault.verdict(), None);
}

#[test]
fn handshakes_held_open() {
    let mut siege = Siege::begin();
    let first = |seed: u64| {
        let mut rogue = Peer::client(Options { seed, ..Options::default() });
        rogue.take()
    };
    let mut seed = 100;
    let mut made: Vec<Vec<u8>> = Vec::new();
    let damage = siege.attack(100, |rogue, _| {
        made.clear();
        for _ in 0..WAVE {
            seed += 1;
            made.extend(first(seed));
        }
        made.drain(..).for_each(|packet| rogue.send_datagram(packet));
    });
    println!("{damage:?}");
    // Beyond an eighth of the limit they are asked to prove their addresses, and leave nothing behind.
    assert!(damage.growth <= MOST_GROWTH, "{damage:?}");
    assert!(siege.retries > 1000, "{} Retry packets", siege.retries);
}

#[test]
fn initials_coalesced_as_often_as_they_fit() {
    // Each datagram: a first packet and junk behind it that looks like more of them.
    let mut siege = Siege::begin();
    let mut seed = 10_000;
    let damage = siege.attack(50, |rogue, _| {
        for _ in 0..WAVE {
            seed += 1;
            let mut datagram = Vec::new();
            while datagram.len() < 1150 {
                datagram.extend([0xc3, 0, 0, 0, 1, 8]);
                datagram.extend(u64::to_be_bytes(seed));
                datagram.extend([8, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0x40, 30]);
                datagram.extend([0x5a; 30]);
            }
            datagram.resize(1200, 0);
            rogue.send_datagram(datagram);
        }
    });
    println!("{damage:?}");
    assert!(damage.growth <= MOST_GROWTH, "{damage:?}");
}

#[test]
fn handshake_done_before_the_handshake_is_done() {
    let address = "192.0.2.66:666".parse().unwrap();
    let (mut client, handle) = Target::client(address, 5);
    let mut server = Peer::server(Options::default());
    for (_, packet) in client.turn() {
        server.receive(&packet);
    }
    assert!(server.has_keys(Space::OneRtt));
    // ServerHello alone: the client has Handshake keys, and nothing more.
    let mut flight = server.take();
    flight.truncate(1);
    server.send(Space::OneRtt, &Frames::new().handshake_done());
    server.send(Space::Handshake, &Frames::new().handshake_done());
    flight.extend(server.take());
    for packet in flight {
        client.ingest(address, &packet);
        client.turn();
    }
    assert_eq!(client.closed(handle), Some((ClosedBy::Transport, PROTOCOL_VIOLATION)));
}

#[test]
fn spoofed_retry_and_version_negotiation_change_nothing() {
    let address = "192.0.2.1:4433".parse().unwrap();
    let mut server = Target::server();
    let (mut client, handle) = Target::client(address, 5);
    let mine = "192.0.2.10:1010".parse().unwrap();
    let packets = client.turn();
    // What someone on the path reads off the first packet.
    let first = &packets[0].1;
    let (destination, source) = (first[6..14].to_vec(), first[15..23].to_vec());
    let spoof = |client: &mut Target| {
        client.ingest(address, &retry(&destination, &source, b"elsewhere", b"token"));
        client.ingest(address, &version_negotiation(&source, &destination));
        client.ingest(address, &version_negotiation(&source, b"elsewhere"));
    };
    for (_, packet) in packets {
        server.ingest(mine, &packet);
    }
    for _ in 0..20 {
        for (_, packet) in server.turn() {
            client.ingest(address, &packet);
            // RFC 9000 sections 6.2 and 17.2.5.2: after a packet of the server's both are ignored.
            spoof(&mut client);
        }
        for (_, packet) in client.turn() {
            server.ingest(mine, &packet);
        }
    }
    assert_eq!(client.connected(), [handle]);
    client.send(handle, Dir::Uni, b"hello");
    for (_, packet) in client.turn() {
        server.ingest(mine, &packet);
    }
    server.turn();
    assert!(server.events.iter().any(|event| matches!(event, Event::Data { bytes, .. } if bytes == "hello")));
    assert_eq!(client.closed(handle), None);
}

#[test]
fn a_handshake_alone_needs_nothing_more() {
    // The rogue is no better than its word: the attacks above begin from a proper handshake.
    let assault = Assault::established();
    assert_eq!(assault.rogue.hello, Hello::Done);
    assert_eq!(assault.rogue.count(|heard| matches!(heard, Heard::HandshakeDone)), 1);
    let mut assault = assault;
    let shape = Shape { number: Some(assault.rogue.next_number(Space::OneRtt) + 1000), ..Shape::default() };
    assault.rogue.send_shaped(Space::OneRtt, &Frames::new().stream(UNI, 0, b"x", true), &shape);
    assault.exchange();
    assert_eq!(assault.verdict(), None);
}
