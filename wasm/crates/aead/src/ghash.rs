//! GHASH (NIST SP 800-38D section 6.4): a polynomial over GF(2^128) whose coefficients are the blocks, at the hash key.
//!
//! Multiplying by a known element takes a lookup per half byte of the block and byte of the product. A swizzle does sixteen
//! of these at once and takes the same time whatever it looks up. Four blocks are multiplied by four powers of the key, and
//! the sum is reduced once.

use zeroize::Zeroize;

use crate::octets::Octets;

/// Blocks multiplied together.
const GROUP: usize = 4;

/// For each byte of a product, the last first, and for each power of the key, the highest first: that byte for the sixteen
/// values of a half byte, the upper half and the lower.
type Table = [[[[u8; 16]; 2]; GROUP]; 16];

/// The hash key's first powers. Overwritten with zeros when dropped.
pub(crate) struct HashKey(Table);

impl HashKey {
    pub(crate) fn new(key: &[u8; 16]) -> Self {
        let zero = Octets::splat(0);
        let mut table = [[[[0; 16]; 2]; GROUP]; 16];
        let mut power = *key;
        fill(&mut table, 1, &power);
        for exponent in 2..=GROUP {
            product(&table, &[zero, zero, zero, Octets::load(&power)]).store(&mut power);
            fill(&mut table, exponent, &power);
        }
        power.zeroize();
        Self(table)
    }
}

impl Drop for HashKey {
    fn drop(&mut self) {
        self.0.as_flattened_mut().as_flattened_mut().as_flattened_mut().zeroize();
    }
}

/// The hash of one message.
pub(crate) struct Ghash<'a> {
    key: &'a HashKey,
    sum: Octets,
    waiting: [Octets; GROUP],
    count: usize,
}

impl<'a> Ghash<'a> {
    #[inline(always)]
    pub(crate) fn new(key: &'a HashKey) -> Self {
        let zero = Octets::splat(0);
        Self { key, sum: zero, waiting: [zero; GROUP], count: 0 }
    }

    #[inline(always)]
    pub(crate) fn block(&mut self, block: Octets) {
        self.waiting[self.count] = block;
        self.count += 1;
        if self.count == GROUP {
            self.waiting[0] = self.waiting[0] ^ self.sum;
            self.sum = product(&self.key.0, &self.waiting);
            self.count = 0;
        }
    }

    /// Takes all bytes, the last block filled with zeros.
    #[inline(always)]
    pub(crate) fn padded(&mut self, bytes: &[u8]) {
        let (whole, rest) = bytes.as_chunks::<16>();
        for block in whole {
            self.block(Octets::load(block));
        }
        if !rest.is_empty() {
            let mut last = [0; 16];
            last[..rest.len()].copy_from_slice(rest);
            self.block(Octets::load(&last));
        }
    }

    /// The hash of all blocks so far.
    #[inline(always)]
    pub(crate) fn finished(mut self) -> Octets {
        if self.count == 0 {
            return self.sum;
        }
        self.waiting[0] = self.waiting[0] ^ self.sum;
        // Zeros before them leave the sum as it is.
        self.waiting[self.count..].fill(Octets::splat(0));
        self.waiting.rotate_right(GROUP - self.count);
        product(&self.key.0, &self.waiting)
    }
}

/// The sum of the blocks' products, the first with the highest power, the last with the lowest.
#[inline(never)]
fn product(table: &Table, blocks: &[Octets; GROUP]) -> Octets {
    let mask = Octets::splat(0x0f);
    let upper = blocks.map(Octets::upper);
    let lower = blocks.map(|block| block & mask);
    // 32 bytes, the lower first. Byte `i` of a sum for byte `k` of the products belongs to byte `i + k`.
    let zero = Octets::splat(0);
    let (mut low, mut high) = (zero, zero);
    for row in table {
        let mut sum = zero;
        for i in 0..GROUP {
            let [of_upper, of_lower] = &row[i];
            sum = sum ^ (Octets::load(of_upper).swizzled(upper[i]) ^ Octets::load(of_lower).swizzled(lower[i]));
        }
        high = high.after(low);
        low = low.after(zero) ^ sum;
    }
    reduced(low, high)
}

/// Modulo the field's polynomial: x^128 is 1 + x + x^2 + x^7. What a byte of `high` adds to `low` reaches into the next.
#[inline(always)]
fn reduced(low: Octets, high: Octets) -> Octets {
    let zero = Octets::splat(0);
    let mask = Octets::splat(0x0f);
    let [[upper, lower], [next_upper, next_lower]] = &FOLDED;
    let next = |bytes: Octets| {
        Octets::load(next_upper).swizzled(bytes.upper()) ^ Octets::load(next_lower).swizzled(bytes & mask)
    };
    // What the last byte adds beyond `low` is folded once more.
    let high = high ^ zero.after(next(high));
    let same = Octets::load(upper).swizzled(high.upper()) ^ Octets::load(lower).swizzled(high & mask);
    low ^ same ^ next(high).after(zero)
}

/// For a half byte times x^128: the same byte of the remainder, for the upper and the lower half, and the next byte.
static FOLDED: [[[u8; 16]; 2]; 2] = folded();

/// The lowest power is the highest bit, so this is 1 + x + x^2 + x^7 times the half byte. In 16 bits: two bytes.
const fn folded() -> [[[u8; 16]; 2]; 2] {
    let mut table = [[[0; 16]; 2]; 2];
    let mut half = 0;
    while half < 16 {
        let mut shift = 0;
        while shift < 2 {
            let byte = (half as u16) << (12 - 4 * shift);
            let sum = byte ^ (byte >> 1) ^ (byte >> 2) ^ (byte >> 7);
            table[0][shift][half] = (sum >> 8) as u8;
            table[1][shift][half] = sum as u8;
            shift += 1;
        }
        half += 1;
    }
    table
}

/// Enters the key's `power`, which is `element`: for every value of a half byte the sum of `element` times x^0 to x^3, or x^4 to
/// x^7 for a lower half, as its bits tell.
fn fill(table: &mut Table, power: usize, element: &[u8; 16]) {
    let mut times = [[0; 16]; 8];
    let mut shifted = u128::from_be_bytes(*element);
    for bytes in &mut times {
        *bytes = shifted.to_be_bytes();
        // Times x moves towards the lowest bit; x^128 comes back as 1 + x + x^2 + x^7.
        shifted = (shifted >> 1) ^ ((0xe1 << 120) & 0_u128.wrapping_sub(shifted & 1));
    }
    let values = Octets::load(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
    for (k, row) in table.iter_mut().rev().enumerate() {
        for (half, target) in row[GROUP - power].iter_mut().enumerate() {
            let mut sum = Octets::splat(0);
            for i in 0..4 {
                let bit = Octets::splat(8 >> i);
                sum = sum ^ (Octets::splat(times[4 * half + i][k]) & (values & bit).equal(bit));
            }
            sum.store(target);
        }
    }
    times.zeroize();
}
