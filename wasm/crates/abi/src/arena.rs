//! The memory host and engine share: allocated once, named by `layout`.

use bytes::Bytes;
use moqingbird_quic::{Engine, Instance, SLOT_BYTES, TX_SLOTS};

use crate::panic;

pub(crate) const RX_SLOTS: usize = 512;
pub(crate) const RX_WORDS: usize = 4;
pub(crate) const TX_WORDS: usize = 4;
pub(crate) const EVENT_SLOTS: usize = 1024;
pub(crate) const EVENT_WORDS: usize = 8;

/// Words that stand after every call as it left them, so that the host looks before it calls.
#[repr(C)]
#[derive(Default)]
pub(crate) struct Status {
    /// Microseconds; -1: no timer.
    pub(crate) next_deadline: f64,
    /// Why the last pump ended.
    pub(crate) pump_end: u32,
    /// 0: `events` has none.
    pub(crate) has_events: u32,
    /// Entries of `tx_returned`; the one word that the host writes.
    pub(crate) returned: u32,
}

pub(crate) struct Arenas {
    pub(crate) rx: Vec<u8>,
    pub(crate) rx_records: Vec<u32>,
    pub(crate) tx_records: Vec<u32>,
    pub(crate) tx_addresses: Vec<u32>,
    pub(crate) events: Vec<u32>,
    pub(crate) datagram: Vec<u8>,
    /// Slots the host has returned since they were last taken back, and a mark for each.
    pub(crate) tx_returned: Vec<u32>,
    pub(crate) tx_marks: Vec<u8>,
    /// What the host reads instead of calling; see [`Status`].
    pub(crate) status: Box<Status>,
    /// What the pointers in `events` point at, until the next call for events or packets.
    pub(crate) held: Vec<Bytes>,
}

impl Arenas {
    pub(crate) fn new(engine: &mut Instance) -> Self {
        Self {
            rx: vec![0; RX_SLOTS * SLOT_BYTES],
            rx_records: vec![0; RX_SLOTS * RX_WORDS],
            tx_records: vec![0; TX_SLOTS * TX_WORDS],
            tx_addresses: (0..TX_SLOTS as u16).map(|slot| engine.slot_address(slot) as u32).collect(),
            events: vec![0; EVENT_SLOTS * EVENT_WORDS],
            datagram: vec![0; SLOT_BYTES],
            tx_returned: vec![0; TX_SLOTS],
            tx_marks: vec![0; TX_SLOTS],
            status: Box::new(Status { next_deadline: -1.0, ..Status::default() }),
            held: Vec::with_capacity(EVENT_SLOTS),
        }
    }

    /// Addresses and sizes by number; `packages/engine/src/abi.ts` has the names.
    pub(crate) fn layout(&self, index: u32) -> u32 {
        match index {
            0 => self.rx.as_ptr() as u32,
            1 => self.rx_records.as_ptr() as u32,
            2 => self.tx_addresses.as_ptr() as u32,
            3 => self.tx_records.as_ptr() as u32,
            4 => self.events.as_ptr() as u32,
            5 => self.datagram.as_ptr() as u32,
            6 => RX_SLOTS as u32,
            7 => TX_SLOTS as u32,
            8 => SLOT_BYTES as u32,
            9 => EVENT_SLOTS as u32,
            10 => panic::place().0,
            11 => panic::place().1,
            12 => &raw const *self.status as u32,
            13 => self.tx_returned.as_ptr() as u32,
            14 => self.tx_marks.as_ptr() as u32,
            _ => 0,
        }
    }
}
