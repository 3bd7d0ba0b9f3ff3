//! One connection: quinn-proto's state machine, the order of its streams and datagrams, and what is known of its peer.

use std::{collections::HashMap, collections::VecDeque, net::SocketAddr, sync::Arc};

use quinn_proto::{Dir, StreamId, VarInt, crypto::rustls::HandshakeData};

use crate::{
    ConnectionStats, TransportSettings,
    chooser::{Chooser, NOWHERE, Rank},
    config::STREAMS_OF_AN_IDLE_PEER,
    congestion::Signals,
    datagrams::DatagramQueue,
    early::EarlyPackets,
    endpoint::Place,
    gaps::Gaps,
    handles::Slab,
    keyed::{Keyed, KeyedIds},
    observe::Trace,
    pacer::Pacer,
    sources::Source,
    stream::Stream,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Handshake,
    Up,
    /// CLOSED was told.
    Closed,
}

/// What to do when nothing is heard.
pub(crate) struct Silence {
    /// The connection is over.
    pub(crate) deadline: u64,
    /// A PING is due.
    pub(crate) ask: u64,
}

/// What may leave next.
pub(crate) enum Choice {
    Stream(u32),
    Datagram,
}

/// Round trips a PING may go unanswered at least: about three probe time-outs (RFC 9000 section 10.1).
const SILENT_ROUND_TRIPS: u64 = 9;
const ASKS_PER_IDLE_TIMEOUT: u64 = 10;
/// From one PING to the next for a peer whose answer is due: about two probe time-outs, and this many µs at least.
const ASK_ROUND_TRIPS: u64 = 6;
const LEAST_ASK: u64 = 150_000;
/// Bytes a STREAM frame's header may take (RFC 9000 section 19.8: type, id, offset, length) with room for a small ACK.
pub(crate) const FIRST_FRAME_HEADER: usize = 31;
/// The DATAGRAM frame's bound in quinn-proto's `max_size`.
const DATAGRAM_HEADER: usize = 9;
/// Short header with the longest connection id, packet number and AEAD tag.
const LONGEST_OVERHEAD: usize = 1 + 20 + 4 + 16;

pub(crate) struct Connection {
    pub(crate) quic: quinn_proto::Connection,
    pub(crate) endpoint: u32,
    pub(crate) place: Place,
    pub(crate) settings: Arc<TransportSettings>,
    pub(crate) server_name: String,
    pub(crate) phase: Phase,
    /// The handshake had a certificate, not a ticket.
    pub(crate) proven: bool,
    /// CLOSED and then DRAINED are due.
    pub(crate) drained: bool,
    pub(crate) handshake_deadline: u64,
    /// Until then.
    pub(crate) early: EarlyPackets,
    /// When a packet last came.
    pub(crate) heard: u64,
    /// When data last left.
    pub(crate) spoke: u64,
    /// When the silence was last answered with a PING.
    pub(crate) asked: u64,
    /// Between the congestion controller and us.
    pub(crate) signals: Arc<Signals>,
    pub(crate) pacer: Pacer,
    /// When the pacer lets data go on that waits for it.
    pub(crate) pace_at: Option<u64>,
    /// Timer of the wheel and its deadline, which may be earlier than needed.
    pub(crate) timer: Option<(u32, u64)>,

    pub(crate) peer: u32,
    /// As server: the address that counts for it, wherever the client moves to.
    pub(crate) source: Option<Source>,
    pub(crate) remote: SocketAddr,
    /// Where it tells of itself, if it does.
    pub(crate) trace: Option<Trace>,
    /// Lost packets that were told.
    lost_told: u64,

    /// Streams that have an id.
    pub(crate) streams: HashMap<StreamId, u32, KeyedIds>,
    /// All streams.
    pub(crate) members: Vec<u32>,
    /// Ready streams with an id, and those without one by direction.
    with_id: Chooser,
    fresh: [Chooser; 2],
    /// The peer allows no further stream of this direction.
    pub(crate) no_stream_credit: [bool; 2],
    /// Writes to go before which flow control is asked, because it held something back.
    pub(crate) asks_first: u32,
    pub(crate) datagrams: DatagramQueue,
    /// Ranks given so far.
    pub(crate) arrivals: u64,

    /// Streams that got an id, of ours and of the peer's.
    pub(crate) opened_streams: u64,
    pub(crate) accepted_streams: u64,
    pub(crate) dropped_datagrams: u64,
    /// By direction: the peer may open only the first few streams, until it has shown that it opens any.
    pub(crate) few_streams: [bool; 2],

    /// Streams to read.
    pub(crate) readable: VecDeque<u32>,
    /// In the engine's lists.
    pub(crate) dirty: bool,
    pub(crate) eventful: bool,
    pub(crate) touched: bool,

    /// Frames written to quinn-proto that have not left, as far as its counters tell.
    pub(crate) bound: u64,
    frames_sent: u64,
    /// Packets came since a bound frame last moved: a safety net against a miscount.
    pub(crate) stalls: u32,
    /// Bytes of a packet that are no frames.
    pub(crate) overhead: usize,

    /// Unread bytes the peer may have under way while memory is not short.
    pub(crate) receive_window: u64,
    /// Bytes written to streams that are not acknowledged as a whole, and bytes given to the host.
    pub(crate) unfinished: u64,
    pub(crate) delivered: u64,
    /// Received and not delivered when memory got short.
    pub(crate) received_at_press: u64,
    /// Stream frames that wait for earlier ones.
    pub(crate) gaps: Gaps,
}

impl Connection {
    pub(crate) fn new(
        quic: quinn_proto::Connection,
        endpoint: u32,
        place: Place,
        settings: Arc<TransportSettings>,
        keyed: &Keyed,
        now: u64,
    ) -> Self {
        Self {
            remote: quic.remote_address(),
            signals: Signals::of(&quic),
            pacer: Pacer::default(),
            pace_at: None,
            quic,
            endpoint,
            place,
            server_name: String::new(),
            phase: Phase::Handshake,
            proven: false,
            drained: false,
            handshake_deadline: now + settings.handshake_timeout_ms * 1000,
            early: EarlyPackets::default(),
            heard: now,
            asked: now,
            spoke: 0,
            timer: None,
            peer: 0,
            source: None,
            trace: None,
            lost_told: 0,
            opened_streams: 0,
            accepted_streams: 0,
            dropped_datagrams: 0,
            few_streams: [Dir::Bi, Dir::Uni]
                .map(|dir| matches!(settings.streams(dir), (limit, first) if first < limit)),
            streams: HashMap::with_hasher(keyed.ids()),
            members: Vec::new(),
            with_id: Chooser::default(),
            fresh: [Chooser::default(), Chooser::default()],
            no_stream_credit: [false; 2],
            asks_first: 0,
            datagrams: DatagramQueue::new(settings.datagram_queue),
            receive_window: settings.connection_receive_window,
            settings,
            arrivals: 0,
            readable: VecDeque::new(),
            dirty: false,
            eventful: false,
            touched: false,
            bound: 0,
            frames_sent: 0,
            stalls: 0,
            overhead: LONGEST_OVERHEAD,
            unfinished: 0,
            delivered: 0,
            received_at_press: 0,
            gaps: Gaps::default(),
        }
    }

    /// When silence means that the peer is gone, and when to ask it next whether it is there. quinn-proto starts the idle
    /// time-out anew with the first packet it sends into the void (RFC 9000 section 10.1), which with keep-alive is a
    /// PING the peer would have answered: the time of the silence before it must not be waited for twice. Probe
    /// time-outs double, so that a path that is back could go unnoticed for as long as it was gone, and the connection
    /// would end of it where the path goes and comes: the PINGs from here come steadily, and sooner where an answer is
    /// due.
    pub(crate) fn silence(&self) -> Option<Silence> {
        let TransportSettings { idle_timeout_ms: idle, keep_alive_ms: keep_alive, .. } = *self.settings;
        if self.phase != Phase::Up || idle == 0 || keep_alive == 0 {
            return None;
        }
        let (idle, keep_alive) = (idle * 1000, keep_alive * 1000);
        let rtt = self.quic.rtt().as_micros() as u64;
        let answer = SILENT_ROUND_TRIPS * rtt;
        let deadline = self.heard + idle.max(keep_alive + answer);
        let ask = if self.spoke >= self.heard {
            self.asked.max(self.heard) + (ASK_ROUND_TRIPS * rtt).max(LEAST_ASK)
        } else {
            self.asked.max(self.heard + keep_alive) + idle / ASKS_PER_IDLE_TIMEOUT
        };
        Some(Silence { deadline, ask })
    }

    /// A rank behind everything of the same key.
    pub(crate) fn rank(&mut self, key: u128) -> Rank {
        self.arrivals += 1;
        Rank { key, order: self.arrivals }
    }

    fn heap(&mut self, stream: &Stream) -> &mut Chooser {
        match stream.id {
            Some(_) => &mut self.with_id,
            None => &mut self.fresh[stream.dir as usize],
        }
    }

    /// Puts a stream among the ready ones.
    pub(crate) fn enqueue(&mut self, handle: u32, streams: &mut Slab<Stream>) {
        let Some(stream) = streams.get_mut(handle).filter(|stream| stream.place == NOWHERE) else { return };
        stream.rank = self.rank(stream.rank.key);
        let rank = stream.rank;
        self.heap(stream).insert(handle, rank, streams);
    }

    /// Takes a stream out of the ready ones, if it is there.
    pub(crate) fn dequeue(&mut self, handle: u32, streams: &mut Slab<Stream>) {
        let Some(stream) = streams.get(handle).filter(|stream| stream.place != NOWHERE) else { return };
        let place = stream.place;
        self.heap(stream).remove(place, streams);
    }

    /// Changes a stream's key, ready or not.
    pub(crate) fn rekey(&mut self, handle: u32, key: u128, streams: &mut Slab<Stream>) {
        let Some(stream) = streams.get_mut(handle) else { return };
        stream.rank.key = key;
        if stream.place != NOWHERE {
            let place = stream.place;
            let heap = match stream.id {
                Some(_) => &mut self.with_id,
                None => &mut self.fresh[stream.dir as usize],
            };
            heap.rekey(place, key, streams);
        }
    }

    /// A ready stream has got its id: it changes heaps and keeps its rank.
    pub(crate) fn promote(&mut self, handle: u32, id: StreamId, streams: &mut Slab<Stream>) {
        let Some(stream) = streams.get(handle) else { return };
        let (place, dir, rank) = (stream.place, stream.dir, stream.rank);
        self.fresh[dir as usize].remove(place, streams);
        if let Some(stream) = streams.get_mut(handle) {
            stream.id = Some(id);
        }
        self.with_id.insert(handle, rank, streams);
        self.streams.insert(id, handle);
        self.opened_streams += 1;
    }

    /// The most urgent of streams and datagrams that nothing but room can hold back.
    pub(crate) fn best(&self) -> Option<Choice> {
        let datagram = self.datagrams.best().map(|(rank, _)| (rank, Choice::Datagram));
        let ready = self.with_id.best();
        let fresh = [Dir::Bi, Dir::Uni]
            .into_iter()
            .filter(|&dir| !self.no_stream_credit[dir as usize])
            .filter_map(|dir| self.fresh[dir as usize].best());
        let streams = ready.into_iter().chain(fresh).map(|(rank, stream)| (rank, Choice::Stream(stream)));
        streams.chain(datagram).min_by_key(|(rank, _)| *rank).map(|(_, choice)| choice)
    }

    /// The chosen protocol; empty before the handshake is over.
    pub(crate) fn alpn(&self) -> Vec<u8> {
        self.handshake_data().and_then(|data| data.protocol).unwrap_or_default()
    }

    /// What a peer that costs too much is told in the application's name: H3_EXCESSIVE_LOAD in HTTP/3 (RFC 9114 section
    /// 8.1), elsewhere 1, which is INTERNAL_ERROR in QUIC itself (RFC 9000 section 20.1) and in most of what runs on it.
    pub(crate) fn overload_code(&self) -> VarInt {
        VarInt::from_u32(if self.alpn() == b"h3" { 0x107 } else { 0x1 })
    }

    pub(crate) fn handshake_data(&self) -> Option<Box<HandshakeData>> {
        self.quic.crypto_session().handshake_data()?.downcast().ok()
    }

    /// Its counters.
    pub(crate) fn stats(&self) -> ConnectionStats {
        let stats = self.quic.stats();
        ConnectionStats {
            rtt_micros: stats.path.rtt.as_micros() as u64,
            min_rtt_micros: stats.path.min_rtt.as_micros() as u64,
            cwnd_bytes: stats.path.cwnd,
            mtu: stats.path.current_mtu.into(),
            sent_packets: stats.path.sent_packets,
            lost_packets: stats.path.lost_packets,
            received_packets: stats.udp_rx.datagrams,
            sent_bytes: stats.udp_tx.bytes,
            received_bytes: stats.udp_rx.bytes,
            lost_bytes: stats.path.lost_bytes,
            congestion_events: stats.path.congestion_events,
            black_holes: stats.path.black_holes_detected,
            opened_streams: self.opened_streams,
            accepted_streams: self.accepted_streams,
            ready_streams: self.ready_streams() as u64,
            sent_datagrams: stats.frame_tx.datagram,
            received_datagrams: stats.frame_rx.datagram,
            dropped_datagrams: self.dropped_datagrams,
            queued_datagrams: self.datagrams.len() as u64,
        }
    }

    /// What its state machine builds from now on, such as a controller for a new path, belongs to its trace.
    pub(crate) fn enter_trace(&self) {
        if let Some(trace) = &self.trace {
            trace.enter();
        }
    }

    /// Tells the trace, if there is one, which packets were given up since the last call.
    pub(crate) fn tell_losses(&mut self) {
        let Some(trace) = &self.trace else { return };
        let lost = self.quic.stats().path.lost_packets;
        if lost > self.lost_told {
            trace.lost(lost - self.lost_told);
            self.lost_told = lost;
        }
    }

    pub(crate) fn ready_streams(&self) -> usize {
        self.with_id.len() + self.fresh.iter().map(Chooser::len).sum::<usize>()
    }

    /// Counts the STREAM and DATAGRAM frames that have left since the last call against the bound ones.
    pub(crate) fn note_sent(&mut self, now: u64, bytes: usize) {
        self.pacer.sent(bytes);
        let frames = self.quic.stats().frame_tx;
        let total = frames.stream + frames.datagram;
        let sent = total - self.frames_sent;
        self.frames_sent = total;
        if sent > 0 {
            self.spoke = now;
            self.bound = self.bound.saturating_sub(sent);
            self.stalls = 0;
        }
    }

    /// True while the controller's rate holds new data back; its end wakes the connection.
    pub(crate) fn is_paced(&mut self, now: u64) -> bool {
        let wait = match self.signals.rate() {
            Some(rate) if self.best().is_some() => self.pacer.wait(now, rate),
            _ => None,
        };
        self.pace_at = wait;
        self.signals.set_paced(wait.is_some());
        wait.is_some()
    }

    /// Bytes that congestion control lets leave now, as far as its controller can tell.
    pub(crate) fn congestion_room(&self) -> u64 {
        let room = self.quic.congestion_state().window().saturating_sub(self.signals.in_flight());
        self.signals.rate().map_or(room, |_| room.min(self.pacer.room()))
    }

    /// Room for frames in one packet.
    pub(crate) fn packet_room(&self) -> usize {
        usize::from(self.quic.current_mtu()).saturating_sub(self.overhead)
    }

    /// Learns the overhead of this peer's packets (its connection ids' length) from the largest datagram's size.
    pub(crate) fn measure_overhead(&mut self) {
        let mtu = usize::from(self.quic.current_mtu());
        self.overhead = match self.quic.datagrams().max_size() {
            Some(size) => mtu.saturating_sub(size + DATAGRAM_HEADER).clamp(21, LONGEST_OVERHEAD),
            None => LONGEST_OVERHEAD,
        };
    }

    /// The peer has opened a stream: from its first few on it may have as many open as the settings say. True: it is to be told.
    pub(crate) fn allow_streams(&mut self, id: StreamId) -> bool {
        let dir = id.dir();
        if !self.few_streams[dir as usize] || id.index() + 1 < STREAMS_OF_AN_IDLE_PEER {
            return false;
        }
        self.few_streams[dir as usize] = false;
        let (limit, _) = self.settings.streams(dir);
        self.quic.set_max_concurrent_streams(dir, VarInt::from_u64(limit).unwrap_or(VarInt::MAX));
        true
    }

    /// Drops everything that waits to leave.
    pub(crate) fn clear_egress(&mut self) {
        self.clear_streams();
        self.datagrams.clear();
    }

    /// Forgets which streams there are.
    pub(crate) fn clear_streams(&mut self) {
        self.with_id.clear();
        self.fresh.iter_mut().for_each(Chooser::clear);
        self.readable.clear();
        self.streams.clear();
        self.bound = 0;
    }
}

/// quinn-proto's priority (higher first) of a sort key (lower first): it orders retransmissions and what is bound.
pub(crate) fn priority(key: u128) -> i32 {
    -((key >> 97) as i32)
}
