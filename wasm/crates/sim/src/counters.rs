//! What a link did: a test asserts that its fault happened.

/// Packets by what became of them. A packet may count several times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Given to the link.
    pub offered: u64,
    /// Arrivals, duplicates included.
    pub forwarded: u64,
    /// Lost at random.
    pub lost: u64,
    /// Lost in a burst.
    pub burst_lost: u64,
    /// Lost because their index was listed.
    pub listed: u64,
    /// Lost in a blackout.
    pub blacked_out: u64,
    /// Larger than the path MTU.
    pub too_large: u64,
    /// The queue before the rate was full.
    pub queue_dropped: u64,
    /// Given while the link was suspended, and held until that was over.
    pub suspended: u64,
    /// Late by jitter.
    pub jittered: u64,
    /// Overtaken by later packets.
    pub reordered: u64,
    /// One bit flipped.
    pub corrupted: u64,
    /// Marked "congestion experienced".
    pub marked: u64,
    /// Delivered twice.
    pub duplicated: u64,
    /// Changes of the sender's address.
    pub rebound: u64,
}

impl Counters {
    /// Numbers in [`Counters::numbers`].
    pub const COUNT: usize = 15;

    /// In the order of the fields.
    #[must_use]
    pub fn numbers(&self) -> [u64; Self::COUNT] {
        let Self {
            offered,
            forwarded,
            lost,
            burst_lost,
            listed,
            blacked_out,
            too_large,
            queue_dropped,
            suspended,
            jittered,
            reordered,
            corrupted,
            marked,
            duplicated,
            rebound,
        } = *self;
        [
            offered,
            forwarded,
            lost,
            burst_lost,
            listed,
            blacked_out,
            too_large,
            queue_dropped,
            suspended,
            jittered,
            reordered,
            corrupted,
            marked,
            duplicated,
            rebound,
        ]
    }
}
