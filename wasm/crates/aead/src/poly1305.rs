//! Poly1305 (RFC 8439 section 2.5) with 32-bit limbs and 64-bit products: a clamped `r` leaves room for the sums, so a
//! block costs 21 multiplications and no shifting into smaller limbs.

use core::array::from_fn;

/// An authenticator of one message. Words of the accumulator are below 2^32, the fifth at most 4 between blocks.
pub(crate) struct Poly1305 {
    accumulator: [u64; 5],
    /// Clamped: the top four bits of each and, but for the first, the lowest two are 0 (section 2.5.1).
    r: [u64; 4],
    s: [u32; 4],
}

impl Poly1305 {
    /// From the first 32 bytes of block 0 (section 2.6).
    #[inline(always)]
    pub(crate) fn new(key: [u32; 8]) -> Self {
        let [r0, r1, r2, r3, s0, s1, s2, s3] = key;
        let r = [r0 & 0x0fff_ffff, r1 & 0x0fff_fffc, r2 & 0x0fff_fffc, r3 & 0x0fff_fffc];
        Self { accumulator: [0; 5], r: r.map(u64::from), s: [s0, s1, s2, s3] }
    }

    /// Takes whole 16-byte blocks; bytes after the last whole one are ignored.
    #[inline(always)]
    pub(crate) fn blocks(&mut self, bytes: &[u8]) {
        const LOW: u64 = 0xffff_ffff;
        let [r0, r1, r2, r3] = self.r;
        // 2^130 = 5 modulo p: what a product carries beyond 2^130 comes back times 5. The limbs above it are multiples of
        // four, so dividing by four first is exact; r0's two lowest bits are kept for the fourth word (x4).
        let (q0, q1, q2, q3, low) = ((r0 >> 2) * 5, (r1 >> 2) * 5, (r2 >> 2) * 5, (r3 >> 2) * 5, r0 & 3);
        let [mut h0, mut h1, mut h2, mut h3, mut h4] = self.accumulator;
        for block in bytes.chunks_exact(16) {
            let word = |at: usize| u64::from(u32::from_le_bytes(from_fn(|i| block[at + i])));
            // h + block, at most 2^33 each.
            let (a0, a1, a2, a3, a4) = (h0 + word(0), h1 + word(4), h2 + word(8), h3 + word(12), h4 + 1);
            // (h + block) * r: each sum is below 2^64, for the factors are below 2^33 and 2^29.
            let x0 = a0 * r0 + a1 * q3 + a2 * q2 + a3 * q1 + a4 * q0;
            let x1 = a0 * r1 + a1 * r0 + a2 * q3 + a3 * q2 + a4 * q1;
            let x2 = a0 * r2 + a1 * r1 + a2 * r0 + a3 * q3 + a4 * q2;
            let x3 = a0 * r3 + a1 * r2 + a2 * r1 + a3 * r0 + a4 * q3;
            let x4 = a4 * low;
            let top = x4 + (x3 >> 32);
            let u0 = (top >> 2) * 5 + (x0 & LOW);
            let u1 = (u0 >> 32) + (x1 & LOW) + (x0 >> 32);
            let u2 = (u1 >> 32) + (x2 & LOW) + (x1 >> 32);
            let u3 = (u2 >> 32) + (x3 & LOW) + (x2 >> 32);
            let u4 = (u3 >> 32) + (top & 3);
            (h0, h1, h2, h3, h4) = (u0 & LOW, u1 & LOW, u2 & LOW, u3 & LOW, u4);
        }
        self.accumulator = [h0, h1, h2, h3, h4];
    }

    /// Takes all bytes, the last block filled with zeros (section 2.8: "pad16").
    #[inline(always)]
    pub(crate) fn padded(&mut self, bytes: &[u8]) {
        let (whole, rest) = bytes.split_at(bytes.len() & !15);
        self.blocks(whole);
        if !rest.is_empty() {
            let mut last = [0; 16];
            last[..rest.len()].copy_from_slice(rest);
            self.blocks(&last);
        }
    }

    /// The tag: the accumulator modulo 2^130 - 5, plus s modulo 2^128.
    #[inline(always)]
    pub(crate) fn tag(self) -> [u8; 16] {
        let h = self.accumulator;
        // Whether adding 5 reaches 2^130 tells whether p is to be taken off; 5 is added then, and 2^130 falls off the top.
        let mut carry = 5;
        for word in &h[..4] {
            carry = (carry + word) >> 32;
        }
        carry = ((carry + h[4]) >> 2) * 5;
        let mut tag = [0; 16];
        for (i, target) in tag.chunks_exact_mut(4).enumerate() {
            carry += h[i] + u64::from(self.s[i]);
            target.copy_from_slice(&(carry as u32).to_le_bytes());
            carry >>= 32;
        }
        tag
    }
}
