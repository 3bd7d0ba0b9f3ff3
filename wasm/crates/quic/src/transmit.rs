//! Packets on their way out: a fixed set of slots, leased until the host says that the kernel has copied them.

/// Bytes of one slot; no packet is larger.
pub const SLOT_BYTES: usize = 2048;
/// Packets that can be leased at once.
pub const TX_SLOTS: usize = 1024;

/// One packet to send.
#[derive(Clone, Copy, Debug, Default)]
pub struct TransmitRecord {
    /// Where its bytes are.
    pub slot: u16,
    /// How many.
    pub length: u16,
    /// Endpoint handle: the socket.
    pub endpoint: u32,
    /// Address index.
    pub peer: u32,
    /// Size of each packet when the slot holds several; 0 otherwise.
    pub segment: u16,
    /// ECN bits.
    pub ecn: u8,
}

/// The slots, and the records since the last [`TransmitRing::begin`].
pub(crate) struct TransmitRing {
    /// Vectors of fixed capacity: their memory never moves.
    slots: Vec<Vec<u8>>,
    leased: Vec<bool>,
    free: Vec<u16>,
    records: Vec<TransmitRecord>,
    told: bool,
}

impl TransmitRing {
    pub(crate) fn new() -> Self {
        Self {
            slots: (0..TX_SLOTS).map(|_| Vec::with_capacity(SLOT_BYTES)).collect(),
            leased: vec![false; TX_SLOTS],
            // Lowest slot on top: a quiet engine keeps using warm memory.
            free: (0..TX_SLOTS as u16).rev().collect(),
            records: Vec::with_capacity(TX_SLOTS),
            told: false,
        }
    }

    /// Forgets the records the host was told of by the last pump.
    pub(crate) fn begin(&mut self) {
        if std::mem::take(&mut self.told) {
            self.records.clear();
        }
    }

    /// How many records the host shall send now.
    pub(crate) fn tell(&mut self) -> usize {
        self.told = true;
        self.records.len()
    }

    /// An empty slot to build a packet in; then [`TransmitRing::push`] or [`TransmitRing::give_back`] it.
    pub(crate) fn take(&mut self) -> Option<u16> {
        let slot = self.free.pop()?;
        self.slots[usize::from(slot)].clear();
        Some(slot)
    }

    pub(crate) fn buffer(&mut self, slot: u16) -> &mut Vec<u8> {
        &mut self.slots[usize::from(slot)]
    }

    pub(crate) fn push(&mut self, record: TransmitRecord) {
        debug_assert!(self.slots[usize::from(record.slot)].capacity() == SLOT_BYTES);
        // An answer made while packets come in (Retry, refusal, reset) is the first record of the next pump.
        self.begin();
        self.leased[usize::from(record.slot)] = true;
        self.records.push(record);
    }

    pub(crate) fn give_back(&mut self, slot: u16) {
        self.free.push(slot);
    }

    /// The host no longer needs the slot. A second release of the same lease does nothing.
    pub(crate) fn release(&mut self, slot: u16) {
        if let Some(leased) = self.leased.get_mut(usize::from(slot))
            && std::mem::take(leased)
        {
            self.free.push(slot);
        }
    }

    pub(crate) fn record(&self, index: usize) -> TransmitRecord {
        self.records.get(index).copied().unwrap_or_default()
    }

    pub(crate) fn bytes(&self, slot: u16) -> &[u8] {
        self.slots.get(usize::from(slot)).map_or(&[], Vec::as_slice)
    }
}
