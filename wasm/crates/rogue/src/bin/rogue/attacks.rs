//! What the program can do to a server, by name.

use moqingbird_rogue::{Frames, Heard, MAX_VARINT, Options, Parameters, Peer, Space, parameter};

/// Packets of one wave.
pub(crate) const WAVE: usize = 20;
/// A client's first unidirectional stream.
const UNI: u64 = 2;
/// Unidirectional streams that the server allows in the end, and of a new connection.
const UNI_STREAMS: u64 = 128;
const FIRST_UNI_STREAMS: u64 = 20;
/// The stream with which a client gets as many as there may be.
const FOURTH_UNI: u64 = UNI + 4 * 3;

/// Something to send, wave after wave, on a connection that is up.
pub(crate) type Waves = Box<dyn FnMut(&mut Peer)>;

/// An attack.
pub(crate) enum Attack {
    /// On a connection; begun anew on the next one when the server ends it.
    Connection {
        /// Of the handshake.
        options: Options,
        /// Packets are acknowledged.
        acknowledges: bool,
        /// Makes what is sent.
        begin: fn() -> Waves,
    },
    /// Datagrams from nobody the server knows, by number.
    Strangers(fn(u64) -> Vec<Vec<u8>>),
}

fn connection(begin: fn() -> Waves) -> Attack {
    Attack::Connection { options: Options::default(), acknowledges: true, begin }
}

fn silently(begin: fn() -> Waves) -> Attack {
    Attack::Connection { options: Options::default(), acknowledges: false, begin }
}

fn packets(mut frames: impl FnMut() -> Frames + 'static) -> Waves {
    Box::new(move |rogue| (0..WAVE).for_each(|_| rogue.send(Space::OneRtt, &frames())))
}

/// The attack of this name.
pub(crate) fn named(name: &str) -> Option<Attack> {
    Some(match name {
        "honest" => connection(honest),
        "path-challenges" => silently(path_challenges),
        "connection-ids" => silently(connection_ids),
        "crypto-gaps" => connection(crypto_gaps),
        "fragments" => connection(fragments),
        "optimistic-acks" => reading(optimistic_acks),
        "ack-ranges" => reading(ack_ranges),
        "resets" => connection(resets),
        "handshake-done" => connection(|| packets(|| Frames::new().handshake_done())),
        "parameters" => Attack::Connection {
            options: Options {
                parameters: Parameters::usual().with_number(parameter::INITIAL_MAX_DATA, 9),
                ..Options::default()
            },
            acknowledges: true,
            begin: || Box::new(|_| {}),
        },
        "half-open" => Attack::Strangers(|seed| hello(seed).take()),
        "coalesced" => Attack::Strangers(|seed| vec![coalesced(seed)]),
        _ => return None,
    })
}

/// Datagrams of usual size, for comparison.
fn honest() -> Waves {
    packets(|| Frames::new().datagram(&[1; 1100]))
}

/// A peer that the server can send a lot to.
fn reading(begin: fn() -> Waves) -> Attack {
    let room = 4 << 20;
    let parameters = Parameters::usual()
        .without(parameter::INITIAL_MAX_DATA)
        .without(parameter::INITIAL_MAX_STREAM_DATA_BIDI_LOCAL)
        .with_number(parameter::INITIAL_MAX_DATA, room)
        .with_number(parameter::INITIAL_MAX_STREAM_DATA_BIDI_LOCAL, room);
    Attack::Connection { options: Options { parameters, ..Options::default() }, acknowledges: false, begin }
}

/// PATH_CHALLENGE, whose answers are never acknowledged.
fn path_challenges() -> Waves {
    let mut count = 0;
    packets(move || {
        (0..120).fold(Frames::new(), |frames, _| {
            count += 1;
            frames.path_challenge(count)
        })
    })
}

/// NEW_CONNECTION_ID frames that retire one another, without acknowledgement.
fn connection_ids() -> Waves {
    let mut sequence = 0u64;
    packets(move || {
        (0..30).fold(Frames::new(), |frames, _| {
            sequence += 1;
            frames.new_connection_id(sequence, sequence, &sequence.to_be_bytes())
        })
    })
}

/// CRYPTO with gaps after the handshake.
fn crypto_gaps() -> Waves {
    let mut at = 0;
    packets(move || {
        (0..180).fold(Frames::new(), |frames, _| {
            at += 2;
            frames.crypto((at % 16_000) | 1, b"x")
        })
    })
}

/// Single bytes with gaps on every stream.
fn fragments() -> Waves {
    let (mut count, mut asked) = (0, false);
    Box::new(move |rogue| {
        if !std::mem::replace(&mut asked, true) {
            rogue.send(Space::OneRtt, &Frames::new().stream(FOURTH_UNI, 0, b"", false));
            return;
        }
        for _ in 0..WAVE {
            let frames = (0..150).fold(Frames::new(), |frames, _| {
                let (stream, at) = (count % UNI_STREAMS, count / UNI_STREAMS);
                count += 1;
                frames.stream(UNI + 4 * stream, 1 + 2 * at, b"x", false)
            });
            rogue.send(Space::OneRtt, &frames);
        }
    })
}

/// Asks for a body on the first bidirectional stream.
fn ask(rogue: &mut Peer, asked: &mut bool) {
    if !std::mem::replace(asked, true) {
        rogue.send(Space::OneRtt, &Frames::new().stream(0, 0, b"x", true));
    }
}

/// Acknowledges all numbers up to the largest and beyond, whether they came or not.
fn optimistic_acks() -> Waves {
    let mut asked = false;
    Box::new(move |rogue| {
        ask(rogue, &mut asked);
        let largest = rogue.largest_received(Space::OneRtt).unwrap_or(0);
        for ahead in 0..WAVE as u64 {
            rogue.send(Space::OneRtt, &Frames::new().ack(largest + ahead, largest + ahead, &[]));
        }
    })
}

/// Acknowledges a transfer, and then every other packet of it in as many ranges as fit, again and again.
fn ack_ranges() -> Waves {
    let (mut asked, mut waves) = (false, 0);
    Box::new(move |rogue| {
        ask(rogue, &mut asked);
        waves += 1;
        let largest = rogue.largest_received(Space::OneRtt).unwrap_or(0);
        if waves < 40 {
            rogue.acknowledges = true;
            return;
        }
        rogue.acknowledges = false;
        let ranges = vec![(0, 0); (largest / 2).saturating_sub(1).min(550) as usize];
        for _ in 0..WAVE {
            rogue.send(Space::OneRtt, &Frames::new().ack(largest, 0, &ranges));
        }
    })
}

/// Streams opened and reset in a loop, as far as MAX_STREAMS lets them.
fn resets() -> Waves {
    let (mut next, mut allowed) = (0, FIRST_UNI_STREAMS);
    Box::new(move |rogue| {
        for (_, heard) in &rogue.heard {
            if let Heard::MaxStreams { uni: true, limit } = heard {
                allowed = allowed.max(*limit);
            }
        }
        for _ in 0..WAVE {
            let frames = (0..6).fold(Frames::new().ping(), |frames, _| {
                if next >= allowed {
                    return frames;
                }
                next += 1;
                frames.reset_stream(UNI + 4 * (next - 1), 7, 0)
            });
            rogue.send(Space::OneRtt, &frames);
        }
    })
}

/// A client whose handshake goes no further than its first packets.
fn hello(seed: u64) -> Peer {
    Peer::client(Options { seed, ..Options::default() })
}

/// A datagram full of what looks like first packets.
fn coalesced(seed: u64) -> Vec<u8> {
    let mut datagram = Vec::new();
    while datagram.len() < 1150 {
        datagram.extend([0xc3, 0, 0, 0, 1, 8]);
        datagram.extend(u64::to_be_bytes(seed & MAX_VARINT));
        datagram.extend([8, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0x40, 30]);
        datagram.extend([0x5a; 30]);
    }
    datagram.resize(1200, 0);
    datagram
}
