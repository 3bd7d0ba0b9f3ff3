//! Any calls in any order with any arguments, as a broken host might make them, on two engines that talk to each other.
//! Nothing may panic, and every connection that is told of ends at most once.
#![no_main]

use std::{collections::HashMap, net::SocketAddr};

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use moqingbird_fuzz::{Input, client, server};
use moqingbird_quic::*;

struct Host {
    engine: Instance,
    endpoint: u32,
    peer: u32,
    /// Handles seen, dead or alive.
    handles: Vec<u32>,
    closed: HashMap<u32, u32>,
}

/// Answers with whatever the input says.
struct Erratic<'a, 'b>(&'a mut Input<'b>);

impl Source for Erratic<'_, '_> {
    fn prepare(&mut self, _connection: u32, _stream: u32, target: &mut [u8]) -> Prepared {
        let flags = self.0.byte();
        let length = usize::from(self.0.byte()) * 20;
        target.fill(flags);
        Prepared { length, fin: flags & 1 != 0, more: flags & 2 != 0, failed: flags & 12 == 12 }
    }
}

impl Host {
    fn handle(&self, input: &mut Input<'_>) -> u32 {
        let at = input.byte();
        match self.handles.get(usize::from(at)) {
            Some(&handle) => handle,
            None => u32::from(at) << (at & 15),
        }
    }

    fn keep(&mut self, handle: Result<u32, Error>) {
        if let Ok(handle) = handle {
            self.handles.push(handle);
        }
    }

    fn call(&mut self, input: &mut Input<'_>, now: u64) {
        let call = input.byte() % 24;
        let handle = self.handle(input);
        let dir = if input.byte() & 1 == 0 { Dir::Bi } else { Dir::Uni };
        let engine = &mut self.engine;
        match call {
            0 | 1 => {
                let opened = engine.open_stream(handle, dir, u128::from(input.long()) << (input.byte() & 63));
                self.keep(opened);
            }
            2 | 3 => drop(engine.activate(handle)),
            4 => drop(engine.set_key(handle, u128::from(input.long()) << (input.byte() & 63))),
            5 => drop(engine.reset(handle, input.long())),
            6 => drop(engine.stop(handle, input.long())),
            7 => drop(engine.credit(handle, input.long())),
            8 => drop(engine.stream_id(handle)),
            9 => {
                let payload = Bytes::copy_from_slice(input.counted(1500));
                drop(engine.send_datagram(handle, payload, u128::from(input.number()), input.long()));
            }
            10 => drop(engine.max_datagram_size(handle)),
            11 => {
                let armed = engine.arm_timer(input.long() >> (input.byte() & 63));
                self.keep(armed);
            }
            12 => drop(engine.cancel_timer(handle)),
            13 => drop(engine.info(handle)),
            14 => drop(engine.stats(handle)),
            // quinn-proto allocates for as many at once: 2^20, the most, would be all a run does.
            15 => drop(engine.set_max_streams(handle, dir, u64::from(input.number() % 2000))),
            16 => drop(engine.set_receive_window(handle, input.long() >> (input.byte() & 63))),
            17 => engine.release_slot(input.number() as u16),
            18 => drop(engine.next_deadline()),
            19 => engine.note_memory(usize::from(input.byte()) << 16, now),
            20 if input.byte() < 16 => drop(engine.close(handle, input.long(), Bytes::from_static(b"why"), now)),
            21 if input.byte() < 8 => drop(engine.close_endpoint(handle, now)),
            22 => {
                let bytes = input.counted(SLOT_BYTES);
                engine.ingest(Datagram { endpoint: handle, peer: input.number(), ecn: input.byte(), bytes }, now);
            }
            23 if input.byte() < 8 => drop(engine.free_config(handle)),
            _ => {
                let index = input.number() as usize;
                let _ = (engine.transmit_record(index), engine.transmit_bytes(index as u16).len());
            }
        }
    }

    fn turn(&mut self, input: &mut Input<'_>, now: u64, other: &mut Vec<Vec<u8>>) {
        self.engine.settle(now);
        self.engine.fire_timers(now);
        self.engine.begin_events();
        while let Some(event) = self.engine.poll_event() {
            match event {
                Event::Connected { connection, .. } => self.handles.push(connection),
                Event::Stream { stream, .. } => self.handles.push(stream),
                Event::Closed { connection, .. } => {
                    let count = self.closed.entry(connection).or_default();
                    *count += 1;
                    assert_eq!(*count, 1, "a connection ended twice");
                }
                _ => {}
            }
        }
        self.handles.truncate(200);
        let budget = usize::from(input.byte());
        for index in 0..self.engine.pump(now, budget, &mut Erratic(input)) {
            let record = self.engine.transmit_record(index);
            other.push(self.engine.transmit_bytes(record.slot).to_vec());
            // A host may forget to.
            if budget != 7 {
                self.engine.release_slot(record.slot);
            }
        }
    }

    fn ingest(&mut self, packets: &mut Vec<Vec<u8>>, now: u64) {
        for packet in packets.drain(..) {
            let datagram = Datagram { endpoint: self.endpoint, peer: self.peer, ecn: 0, bytes: &packet };
            self.engine.ingest(datagram, now);
        }
    }
}

fn host(mut engine: Instance, endpoint: u32, other: SocketAddr) -> Host {
    let peer = engine.intern_peer(other).expect("there is room");
    Host { engine, endpoint, peer, handles: vec![endpoint], closed: HashMap::new() }
}

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input(bytes);
    let mut now = 5_000_000;
    let (near, far): (SocketAddr, SocketAddr) = (([192, 0, 2, 1], 1).into(), ([192, 0, 2, 2], 2).into());
    let (engine, endpoint) = server(now);
    let mut server = host(engine, endpoint, near);
    let (engine, endpoint, connection) = client(now, far);
    let mut client = host(engine, endpoint, far);
    client.handles.push(connection);
    let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
    // The handshake, unless the input interrupts it.
    for _ in 0..input.byte() % 8 {
        client.turn(&mut Input(&[64]), now, &mut to_server);
        server.ingest(&mut to_server, now);
        server.turn(&mut Input(&[64]), now, &mut to_client);
        client.ingest(&mut to_client, now);
    }
    while !input.is_empty() {
        match input.byte() % 8 {
            0..=2 => client.call(&mut input, now),
            3..=5 => server.call(&mut input, now),
            6 => now += u64::from(input.number() % 3_000_000),
            _ => {
                client.turn(&mut input, now, &mut to_server);
                server.ingest(&mut to_server, now);
                server.turn(&mut input, now, &mut to_client);
                client.ingest(&mut to_client, now);
            }
        }
    }
});
