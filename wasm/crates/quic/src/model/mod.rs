//! A plain model of the order in which streams and datagrams leave a connection: lists that are searched from end to end.
//! The engine asks it for bytes, as it asks a host, and each question is checked against the lists.
//!
//! The model does not know windows and packet sizes. A stream that was passed over must turn out to be held back by flow
//! control, and a datagram that left must have had nothing before it that could go.

mod histories;

use std::collections::BTreeMap;

use bytes::Bytes;
use quinn_proto::WriteError;
use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::{
    DatagramDrop, Dir, Prepared, Source,
    chooser::Rank,
    instance::Instance,
    stream::{Sending, Stream},
};

/// A stream as its host knows it.
struct Lane {
    handle: u32,
    dir: Dir,
    /// QUIC's id, once taken.
    id: Option<u64>,
    rank: Rank,
    sending: Sending,
    /// What is not acknowledged of the source's last answer, held back by flow control: its `fin` and `more`.
    residue: Option<(bool, bool)>,
    /// Bytes its body has, and bytes the engine was given.
    length: usize,
    given: usize,
    ended: bool,
    asked: bool,
    stopped: bool,
}

struct Waiting {
    rank: Rank,
    number: u32,
    deadline: u64,
}

/// What happened in a history and how often, so that none of it is missed by all.
#[derive(Debug, Default)]
struct Seen(BTreeMap<&'static str, u64>);

impl Seen {
    fn note(&mut self, what: &'static str, times: u64) {
        *self.0.entry(what).or_default() += times;
    }

    fn count(&self, what: &'static str) -> u64 {
        self.0.get(what).copied().unwrap_or(0)
    }

    fn merge(&mut self, other: Seen) {
        for (what, times) in other.0 {
            self.note(what, times);
        }
    }
}

struct Model {
    random: StdRng,
    connection: u32,
    lanes: Vec<Lane>,
    datagrams: Vec<Waiting>,
    datagram_limit: usize,
    /// Ranks given so far.
    arrivals: u64,
    /// Handles that were passed over in this pump, and those asked for the first time.
    passed_over: Vec<u32>,
    first_asked: Vec<u32>,
    /// The last rank asked in this pump: datagrams before it have left.
    latest: Option<Rank>,
    prepared_bytes: usize,
    /// Numbers of the datagrams that left, in their order.
    sent: Vec<u32>,
    /// Sources have no moods any more: they give all they have.
    draining: bool,
    seen: Seen,
}

/// The byte at some place of a stream's body.
fn body_byte(handle: u32, at: usize) -> u8 {
    (handle as usize).wrapping_mul(31).wrapping_add(at ^ at >> 8) as u8
}

impl Source for Model {
    fn prepare(&mut self, _connection: u32, stream: u32, target: &mut [u8]) -> Prepared {
        let rank = self.lane(stream).rank;
        assert!(!self.passed_over.contains(&stream), "a stream is asked that could not go a moment ago");
        assert!(self.latest.is_none_or(|latest| latest <= rank), "a less urgent stream was asked before this one");
        self.latest = Some(rank);
        for before in self.lanes.iter().filter(|lane| lane.sending == Sending::Ready && lane.rank < rank) {
            if !self.passed_over.contains(&before.handle) {
                self.passed_over.push(before.handle);
            }
        }
        let mood = if self.draining { 9 } else { self.random.random_range(0..10u32) };
        let lane = self.lanes.iter_mut().find(|lane| lane.handle == stream).unwrap();
        assert_eq!(lane.sending, Sending::Ready, "a stream is asked that has nothing to say");
        assert!(lane.residue.is_none_or(|(fin, more)| more && !fin), "what was held back was the last");
        lane.residue = None;
        if !lane.asked {
            lane.asked = true;
            self.first_asked.push(stream);
        }
        if mood == 0 && lane.length % 7 == 0 {
            lane.sending = Sending::Over;
            self.seen.note("failed", 1);
            return Prepared { failed: true, ..Prepared::default() };
        }
        let most = target.len().min(lane.length - lane.given);
        let length = match mood {
            0 => 0,
            1 => most.min(1),
            2 => most / 2,
            _ => most,
        };
        for (at, byte) in target[..length].iter_mut().enumerate() {
            *byte = body_byte(stream, lane.given + at);
        }
        lane.given += length;
        self.prepared_bytes += length;
        let left = lane.length - lane.given;
        let fin = left == 0 && mood > 3;
        let more = if self.draining { left > 0 } else { mood > 1 };
        lane.ended = fin;
        lane.sending = match (fin, more && length > 0) {
            (true, _) => Sending::Finished,
            (false, true) => Sending::Ready,
            (false, false) => Sending::Asleep,
        };
        Prepared { length, fin, more, failed: false }
    }
}

impl Model {
    fn new(seed: u64, connection: u32, datagram_limit: usize) -> Self {
        Self {
            random: StdRng::seed_from_u64(seed),
            connection,
            lanes: Vec::new(),
            datagrams: Vec::new(),
            datagram_limit,
            arrivals: 0,
            passed_over: Vec::new(),
            first_asked: Vec::new(),
            latest: None,
            prepared_bytes: 0,
            sent: Vec::new(),
            draining: false,
            seen: Seen::default(),
        }
    }

    fn lane(&mut self, handle: u32) -> &mut Lane {
        self.lanes.iter_mut().find(|lane| lane.handle == handle).expect("a stream of the model")
    }

    fn opened(&mut self, handle: u32, dir: Dir, key: u128, length: usize) {
        self.lanes.push(Lane {
            handle,
            dir,
            id: None,
            rank: Rank { key, order: 0 },
            sending: Sending::Asleep,
            residue: None,
            length,
            given: 0,
            ended: false,
            asked: false,
            stopped: false,
        });
    }

    fn activated(&mut self, handle: u32) {
        let arrivals = self.arrivals;
        let lane = self.lane(handle);
        if lane.sending != Sending::Asleep {
            if let Some((_, more)) = &mut lane.residue {
                *more = true;
            }
            return;
        }
        lane.sending = Sending::Ready;
        lane.rank.order = arrivals + 1;
        self.arrivals += 1;
    }

    fn rekeyed(&mut self, handle: u32, key: u128) {
        let lane = self.lane(handle);
        let ready = lane.sending == Sending::Ready;
        lane.rank.key = key;
        self.seen.note("rekeyed", u64::from(ready));
    }

    fn reset(&mut self, handle: u32) {
        let lane = self.lane(handle);
        lane.sending = Sending::Over;
        lane.residue = None;
        self.seen.note("reset", 1);
    }

    /// A full queue loses the oldest of its least urgent.
    fn queued(&mut self, number: u32, key: u128, deadline: u64) {
        self.arrivals += 1;
        self.datagrams.push(Waiting { rank: Rank { key, order: self.arrivals }, number, deadline });
        self.datagrams.sort_by_key(|waiting| waiting.rank);
        if self.datagrams.len() > self.datagram_limit {
            let least = self.datagrams.last().unwrap().rank.key;
            let oldest = self.datagrams.iter().position(|waiting| waiting.rank.key == least).unwrap();
            self.datagrams.remove(oldest);
            self.seen.note("crowded out", 1);
        }
    }

    /// After packets came: streams that flow control let go stand behind everything of their key.
    fn settled(&mut self, engine: &Instance) {
        let mut orders = Vec::new();
        let mut stopped = 0;
        for lane in &mut self.lanes {
            let Some(entry) = engine.streams.get(lane.handle) else {
                assert!(matches!(lane.sending, Sending::Finished | Sending::Over) || lane.stopped, "a stream is gone");
                stopped += u64::from(lane.sending == Sending::Blocked);
                lane.sending = Sending::Over;
                continue;
            };
            match (lane.sending, entry.sending) {
                (Sending::Blocked, Sending::Ready) => {
                    self.seen.note("unblocked", 1);
                    lane.rank.order = entry.rank.order;
                    orders.push(entry.rank.order);
                }
                (Sending::Finished, Sending::Over) => {}
                (_, Sending::Over) if lane.stopped => {
                    lane.residue = None;
                    stopped += 1;
                }
                (was, is) => assert_eq!(was, is, "a stream changed by itself"),
            }
            lane.sending = entry.sending;
            lane.check(entry);
        }
        assert!(orders.iter().all(|&order| order > self.arrivals), "who was blocked returns behind all others");
        let given = engine.connections.get(self.connection).unwrap().arrivals - self.arrivals;
        let returned = orders.len() as u64;
        assert!((returned..=returned + stopped).contains(&given), "{given} ranks were given to {returned} streams");
        self.arrivals += given;
    }

    /// Before a pump.
    fn begin(&mut self) {
        self.passed_over.clear();
        self.first_asked.clear();
        self.latest = None;
        self.prepared_bytes = 0;
    }

    /// After a pump at this moment.
    fn pumped(&mut self, engine: &mut Instance, now: u64) {
        self.first_asked_took_ids(engine);
        let credit = engine.connections.get(self.connection).unwrap().no_stream_credit;
        for lane in &mut self.lanes {
            let Some(entry) = engine.streams.get(lane.handle) else {
                assert!(matches!(lane.sending, Sending::Finished | Sending::Over), "a stream is gone");
                continue;
            };
            let (is, passed_over) = (entry.sending, self.passed_over.contains(&lane.handle));
            match (lane.sending, is) {
                (Sending::Ready, Sending::Ready) if passed_over => {
                    assert!(entry.id.is_none() && credit[lane.dir as usize], "it was its turn");
                    self.seen.note("without stream credit", 1);
                }
                (Sending::Over, Sending::Over) => {}
                (_, Sending::Blocked) => {
                    if lane.sending != Sending::Blocked {
                        self.seen.note("blocked", 1);
                        self.seen.note("cut short", u64::from(entry.residue.is_some()));
                    }
                    let id = entry.id.expect("a stream without an id is not blocked");
                    let connection = engine.connections.get_mut(self.connection).unwrap();
                    let held = connection.quic.send_stream(id).write(&[]);
                    assert!(
                        matches!(held, Err(WriteError::Blocked)) || lane.stopped,
                        "flow control holds nothing back: {held:?}"
                    );
                    let kept = entry.residue.as_ref().map(|residue| (residue.fin, residue.more));
                    assert!(kept.is_some() || lane.sending != Sending::Asleep, "an answer in full was not enough");
                    lane.residue = kept;
                }
                // Given ahead of its packets.
                (was, Sending::Ready) if entry.residue.is_some() => {
                    let kept = entry.residue.as_ref().map(|residue| (residue.fin, residue.more));
                    let answer = lane.residue.or(Some((was == Sending::Finished, was == Sending::Ready)));
                    assert_eq!(
                        kept.map(|(fin, more)| (fin, more && !fin)),
                        answer.map(|(fin, more)| (fin, more && !fin))
                    );
                    self.seen.note("given ahead", 1);
                    lane.residue = kept;
                }
                // What was held back has left, and it was not asked since.
                (Sending::Ready, Sending::Ready) if entry.residue.is_none() => {
                    assert!(lane.residue.take().is_none_or(|(fin, more)| more && !fin));
                }
                (Sending::Ready, Sending::Asleep) => assert_eq!(lane.residue.take(), Some((false, false))),
                (Sending::Ready, Sending::Finished) => assert!(lane.residue.take().is_some_and(|(fin, _)| fin)),
                (was, is) => assert_eq!(was, is, "a stream changed by itself"),
            }
            lane.sending = is;
            let known = lane.id;
            lane.id = entry.id.map(u64::from);
            let touched = lane.asked || is == Sending::Blocked || known == lane.id;
            assert!(touched, "an id was taken before there was a packet for it");
            lane.check(entry);
        }
        self.datagrams_left(engine, credit, now);
    }

    /// Bytes that were pulled and wait for flow control, or for their packets.
    fn held_bytes(&self, engine: &Instance) -> usize {
        let residues = self.lanes.iter().filter_map(|lane| engine.streams.get(lane.handle)?.residue.as_ref());
        residues.map(|residue| residue.bytes.len() - residue.at).sum()
    }

    /// Ids follow the order in which streams were first asked.
    fn first_asked_took_ids(&mut self, engine: &Instance) {
        for dir in [Dir::Uni, Dir::Bi] {
            let mut last = None;
            for &handle in &self.first_asked {
                let lane = self.lanes.iter().find(|lane| lane.handle == handle).unwrap();
                let Some(entry) = engine.streams.get(handle).filter(|_| lane.dir == dir && lane.id.is_none()) else {
                    continue;
                };
                let id = entry.id.map(u64::from);
                assert!(id > last, "id {id:?} was taken after {last:?}");
                last = id;
            }
        }
    }

    /// Those at the head of the list are gone, and nothing that could go stood before them.
    fn datagrams_left(&mut self, engine: &Instance, no_credit: [bool; 2], now: u64) {
        let connection = engine.connections.get(self.connection).unwrap();
        let gone = self.datagrams.len() - connection.datagrams.len();
        let last = self.datagrams[..gone].last().map(|waiting| waiting.rank);
        for waiting in self.datagrams.drain(..gone) {
            if waiting.deadline > 0 && waiting.deadline <= now {
                self.seen.note("expired", 1);
            } else {
                self.seen.note("sent", 1);
                self.sent.push(waiting.number);
            }
        }
        if let Some((next, asked)) = self.datagrams.first().map(|waiting| waiting.rank).zip(self.latest) {
            assert!(asked < next, "it was a datagram's turn");
        }
        let could_go =
            |lane: &&Lane| lane.sending == Sending::Ready && (lane.id.is_some() || !no_credit[lane.dir as usize]);
        for lane in self.lanes.iter().filter(could_go) {
            assert!(last.is_none_or(|last| last < lane.rank), "it was a stream's turn, not a datagram's");
        }
    }

    /// Drops the engine has to tell of.
    fn drops(&self, why: DatagramDrop) -> u64 {
        match why {
            DatagramDrop::Queue => self.seen.count("crowded out"),
            DatagramDrop::Deadline => self.seen.count("expired"),
            DatagramDrop::NeverFits => self.seen.count("too large"),
        }
    }
}

impl Lane {
    fn check(&self, entry: &Stream) {
        if entry.sending == Sending::Ready {
            assert_eq!(self.rank, entry.rank, "another place in the order");
        }
        if !self.stopped && entry.sending != Sending::Over {
            let kept = entry.residue.as_ref().map(|residue| (residue.fin, residue.more));
            assert_eq!(self.residue, kept, "what is held back");
        }
    }
}

/// A datagram's payload tells its number.
fn payload(number: u32, length: usize) -> Bytes {
    let mut bytes = vec![number as u8; length.max(4)];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    bytes.into()
}
