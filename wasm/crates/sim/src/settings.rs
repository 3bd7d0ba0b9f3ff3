//! What a link is like. Times in microseconds; chances in parts per million; 0 switches a fault off.

/// Repeated stretches of time: the first begins at `first`, each lasts `length`, and `pause` passes until the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Intervals {
    /// Start of the first.
    pub first: u64,
    /// Of each; 0: there are none.
    pub length: u64,
    /// From the end of one to the start of the next.
    pub pause: u64,
    /// How many; 0: without end.
    pub count: u64,
}

impl Intervals {
    /// When the stretch around `now` ends; `None` between two.
    pub(crate) fn end(&self, now: u64) -> Option<u64> {
        let since = now.checked_sub(self.first).filter(|_| self.length > 0)?;
        let period = self.length + self.pause;
        let (turn, within) = (since / period, since % period);
        (within < self.length && (self.count == 0 || turn < self.count)).then(|| now - within + self.length)
    }
}

/// Delay that varies. Jitter never reorders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Jitter {
    /// None.
    #[default]
    None,
    /// Half a bell curve: the magnitude of a normal number of this deviation.
    Gauss {
        /// Standard deviation, µs.
        deviation: u64,
    },
    /// Short waits, and with a chance that rises with the mean, long ones: Poisson of mean 1 times 1 ms, or of mean 12 times
    /// 7.5 ms.
    Wifi {
        /// What both come to on average, µs; from 1 to 90 ms.
        mean: u64,
    },
}

/// One direction of a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkSettings {
    /// From the end of sending to arrival, µs.
    pub latency: u64,
    /// Bits per second, packets one after another, IP and UDP headers counted; 0: no limit.
    pub rate: u64,
    /// Packets that may wait for the rate; the newest is dropped beyond it; 0: no limit.
    pub queue: u32,
    /// Largest UDP payload, bytes.
    pub mtu: u32,
    /// Random loss, ppm.
    pub loss: u32,
    /// Most random losses in a row.
    pub loss_run: u32,
    /// Of so many packets,
    pub burst_period: u32,
    /// so many in a row are lost, at a random place.
    pub burst_length: u32,
    /// One bit of the payload flips, ppm.
    pub corrupt: u32,
    /// The packet waits one more latency, at least 5 ms, ppm.
    pub reorder: u32,
    /// Delivered twice, ppm.
    pub duplicate: u32,
    /// ECN-capable packets are marked, ppm.
    pub mark: u32,
    /// Varying delay.
    pub jitter: Jitter,
    /// Packets are lost.
    pub blackout: Intervals,
    /// Packets wait.
    pub suspension: Intervals,
    /// The sender's port changes at the start of each; the length does not matter.
    pub rebinding: Intervals,
}

impl LinkSettings {
    /// Numbers in [`LinkSettings::from_numbers`].
    pub const COUNT: usize = 26;

    /// In the order of the fields; jitter is a kind (0 none, 1 gauss, 2 wifi) and its time.
    #[must_use]
    pub fn from_numbers(numbers: &[u64; Self::COUNT]) -> Self {
        let intervals = |at: usize| Intervals {
            first: numbers[at],
            length: numbers[at + 1],
            pause: numbers[at + 2],
            count: numbers[at + 3],
        };
        let small = |at: usize| u32::try_from(numbers[at]).unwrap_or(u32::MAX);
        Self {
            latency: numbers[0],
            rate: numbers[1],
            queue: small(2),
            mtu: small(3),
            loss: small(4),
            loss_run: small(5),
            burst_period: small(6),
            burst_length: small(7),
            corrupt: small(8),
            reorder: small(9),
            duplicate: small(10),
            mark: small(11),
            jitter: match numbers[12] {
                1 => Jitter::Gauss { deviation: numbers[13] },
                2 => Jitter::Wifi { mean: numbers[13] },
                _ => Jitter::None,
            },
            blackout: intervals(14),
            suspension: intervals(18),
            rebinding: intervals(22),
        }
    }
}
