//! Who asks for memory while data flows: quinn-proto does, less than once per packet. Of ours only the pump does, for the bytes a
//! source gives ahead of their packets: once for several packets, each of which quinn-proto would have copied.
#![cfg(not(target_arch = "wasm32"))] // Backtraces name the asker.

mod support;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    backtrace::Backtrace,
    cell::{Cell, RefCell},
    net::SocketAddr,
};

use moqingbird_quic::*;
use support::{SECOND, Target};

const DELAY: u64 = 500;
/// Until every buffer has been used, and every list is as long as it gets.
const WARM_UP: usize = 6_000;
const WATCHED: usize = 200;
/// Packets the receiver takes in at a time. It keeps buffers for 512: what comes beyond them at once is allocated.
const BURST: usize = 64;

struct Watched;

#[global_allocator]
static ALLOCATOR: Watched = Watched;

thread_local! {
    static WATCHING: Cell<bool> = const { Cell::new(false) };
    static REQUESTS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

// SAFETY: every call goes to `System` unchanged.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if WATCHING.try_with(|watching| watching.replace(false)).unwrap_or(false) {
            let asked = Backtrace::force_capture().to_string();
            REQUESTS.with_borrow_mut(|requests| requests.push(asked));
            WATCHING.set(true);
        }
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(block, layout) }
    }
}

/// The crate of the innermost function that belongs to one of these: whoever asked the collections for more.
fn asker(backtrace: &str) -> &'static str {
    const KNOWN: [&str; 4] = ["quinn_proto", "moqingbird_quic", "moqingbird_aead", "allocations"];
    let functions = backtrace.lines().filter_map(|line| line.trim_start().split_once(": "));
    let crates = functions.map(|(_, function)| function.trim_start_matches(['<', '&', ' ']));
    crates
        .filter(|path| !path.starts_with("allocations::Watched"))
        .filter_map(|path| {
            KNOWN.into_iter().find(|name| path.starts_with(name) && path[name.len()..].starts_with("::"))
        })
        .next()
        .unwrap_or("unknown")
}

struct Transfer {
    client: Target,
    server: Target,
    addresses: [SocketAddr; 2],
    packets: usize,
}

impl Transfer {
    /// Carries what either has to send; half a millisecond each way.
    fn turn(&mut self) {
        let [client_address, server_address] = self.addresses;
        let sent = self.client.turn();
        self.packets += sent.len();
        self.server.now += DELAY;
        self.client.now = self.server.now + DELAY;
        for burst in sent.chunks(BURST) {
            for (_, packet) in burst {
                self.server.ingest(client_address, packet);
            }
            for (_, packet) in self.server.turn() {
                self.client.ingest(server_address, &packet);
            }
            self.server.events.clear();
        }
        self.client.events.clear();
        self.server.now = self.client.now;
    }

    fn run(&mut self, packets: usize) {
        let end = self.packets + packets;
        let latest = self.client.now + 60 * SECOND;
        while self.packets < end {
            assert!(self.client.now < latest, "the transfer stands still");
            self.turn();
        }
    }
}

#[test]
fn data_under_way_costs_an_allocation_of_ours_for_several_packets_at_most() {
    let addresses = ["10.0.0.1:1111".parse().unwrap(), "10.0.0.2:4433".parse().unwrap()];
    let (client, connection) = Target::client(addresses[1], 3);
    let mut transfer = Transfer { client, server: Target::server(), addresses, packets: 0 };
    while transfer.client.bodies.0.is_empty() {
        let sent = transfer.client.turn();
        for (_, packet) in sent {
            transfer.server.ingest(addresses[0], &packet);
        }
        for (_, packet) in transfer.server.turn() {
            transfer.client.ingest(addresses[1], &packet);
        }
        if !transfer.client.connected().is_empty() {
            transfer.client.send(connection, Dir::Uni, &vec![7; 1200 * (WARM_UP + 2 * WATCHED)]);
        }
    }
    transfer.run(WARM_UP);
    let before = transfer.packets;
    WATCHING.set(true);
    transfer.run(WATCHED);
    WATCHING.set(false);
    let packets = transfer.packets - before;
    let requests = REQUESTS.take();
    let of = |who: &str| requests.iter().filter(|request| asker(request) == who).count();
    println!("{packets} packets, {} requests of quinn-proto, {} of ours", of("quinn_proto"), of("moqingbird_quic"));
    let ours =
        requests.iter().filter(|request| asker(request).starts_with("moqingbird") || asker(request) == "unknown");
    let other = ours.clone().find(|request| !request.contains("::bind_stream") && !request.contains("::bind_residue"));
    assert!(other.is_none(), "{}", other.unwrap());
    assert!(ours.count() <= packets / 3, "{} requests of ours for {packets} packets", of("moqingbird_quic"));
    assert!(of("quinn_proto") > packets / 8, "requests are no longer told by their asker");
    assert!(of("quinn_proto") < packets, "{} requests of quinn-proto for {packets} packets", of("quinn_proto"));
}
