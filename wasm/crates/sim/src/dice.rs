//! Seeded chance in integers and in arithmetic that IEEE 754 fixes to the bit: no logarithm, no exponential, because native
//! and WebAssembly may differ in their last digit.

use rand::{Rng, SeedableRng, rngs::StdRng};

/// e^-1 and e^-12, where Knuth's method for Poisson numbers ends.
const E_MINUS_1: f64 = 0.367_879_441_171_442_33;
const E_MINUS_12: f64 = 6.144_212_353_328_21e-6;

pub(crate) struct Dice(StdRng);

impl Dice {
    pub(crate) fn new(seed: u64, purpose: u64) -> Self {
        Self(StdRng::seed_from_u64(seed ^ purpose.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    /// True so many times in a million. Draws once also where the answer is certain.
    pub(crate) fn hits(&mut self, per_million: u32) -> bool {
        let drawn = u64::from(self.0.next_u32());
        (drawn * 1_000_000) >> 32 < u64::from(per_million)
    }

    /// A number below `bound`, which is above 0.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        ((u64::from(self.0.next_u32()) * u64::from(bound)) >> 32) as u32
    }

    /// In [0, 1).
    fn fraction(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Mean 0, variance 1, between -6 and 6: the sum of twelve.
    pub(crate) fn gauss(&mut self) -> f64 {
        (0..12).map(|_| self.fraction()).sum::<f64>() - 6.0
    }

    /// Of mean 1.
    pub(crate) fn poisson_1(&mut self) -> u64 {
        self.poisson(E_MINUS_1)
    }

    /// Of mean 12.
    pub(crate) fn poisson_12(&mut self) -> u64 {
        self.poisson(E_MINUS_12)
    }

    fn poisson(&mut self, end: f64) -> u64 {
        let mut product = self.fraction();
        let mut count = 0;
        while product > end {
            product *= self.fraction();
            count += 1;
        }
        count
    }
}
