//! AES's substitution (FIPS 197 section 5.1.1) without a table: a circuit of ANDs and XORs on planes of bits, and a lookup
//! that reads the whole table for sixteen bytes at once.

use core::array::from_fn;

use crate::octets::Octets;

/// What the substitution adds at its end. [`substitute`] leaves it out.
pub(crate) const CONSTANT: u8 = 0x63;

/// Substitutes 128 bytes, but for adding [`CONSTANT`]. Plane `i` holds bit `i` of each.
///
/// Boyar and Peralta's circuit of 32 ANDs and 79 XORs ("A new combinational logic minimization technique with applications
/// to cryptology", 2010). A byte is taken as a pair of elements of GF(16), these as pairs of elements of GF(4). What is
/// multiplied are sums of bits: nine products of a `left` and a `right` one give the element of GF(16) to be inverted, and
/// nine sums of the inverse's bits, multiplied with each side, the inverse in GF(256).
#[inline(always)]
pub(crate) fn substitute(planes: &mut [Octets; 8]) {
    let [x0, x1, x2, x3, x4, x5, x6, x7] = *planes;

    let b1 = x4 ^ x2;
    let b2 = x7 ^ x1;
    let b3 = x7 ^ x4;
    let b4 = x7 ^ x2;
    let x65 = x6 ^ x5;
    let c1 = x65 ^ x0;
    let c4 = c1 ^ x4;
    let b0 = b2 ^ b1;
    let c2 = c1 ^ x7;
    let c5 = c1 ^ x1;
    let c3 = c5 ^ b4;
    let x3b0 = x3 ^ b0;
    let d0 = x3b0 ^ x2;
    let e0 = x3b0 ^ x6;
    let d1 = d0 ^ x0;
    let d8 = d0 ^ x65;
    let d6 = e0 ^ b3;
    let d5 = x0 ^ d6;
    let d7 = d8 ^ d6;
    let e1 = d8 ^ b4;
    let d3 = x65 ^ d6;
    let e2 = b2 ^ d3;
    let e3 = x7 ^ d3;

    let left = [b0, c3, c4, b2, c5, c2, b3, b1, b4];
    let right = [d0, d1, x0, d3, c1, d5, d6, d7, d8];

    let p: [Octets; 9] = from_fn(|i| left[i] & right[i]);
    let p67 = p[6] ^ p[7];
    let p68 = p[6] ^ p[8];
    let v0 = p[0] ^ p[1] ^ p67 ^ e0;
    let v1 = p[0] ^ p[2] ^ p68 ^ e1;
    let v2 = p[3] ^ p[4] ^ p67 ^ e2;
    let v3 = p[3] ^ p[5] ^ p68 ^ e3;

    let v01 = v0 ^ v1;
    let v23 = v2 ^ v3;
    let v02 = v0 & v2;
    let f0 = v3 ^ v02;
    let f1 = v1 ^ v02;
    let i1 = (v01 & f0) ^ v1;
    let i3 = (f1 & v23) ^ v3;
    let g = (f0 ^ i3) & v3;
    let i2 = v2 ^ i3 ^ g;
    let i0 = v01 ^ (i1 & (f0 ^ g));
    let i13 = i1 ^ i3;
    let i02 = i0 ^ i2;
    let m = [i3 ^ i2, i2, i3, i1 ^ i0, i0, i1, i13, i13 ^ i02, i02];

    let r: [Octets; 9] = from_fn(|i| m[i] & right[i]);
    let l: [Octets; 9] = from_fn(|i| m[i] & left[i]);

    let l67 = l[6] ^ l[7];
    let l12 = l[1] ^ l[2];
    let r5l4 = r[5] ^ l[4];
    let l01 = l[0] ^ l[1];
    let r25 = r[2] ^ r[5];
    let r03 = r[0] ^ r[3];
    let n0 = r[2] ^ l[3] ^ r03;
    let n1 = r[4] ^ l67;
    let n2 = r[3] ^ (r[6] ^ r[7]);
    let n3 = r[7] ^ r[8] ^ n1;
    let n4 = l01 ^ n1;
    let n5 = r[4] ^ n2;
    let n6 = l[5] ^ n0 ^ n3;
    let n7 = r[1] ^ n4;
    let s4 = r03 ^ n7;
    *planes = [r5l4 ^ (l67 ^ n0), l[3] ^ r5l4 ^ n3, l12 ^ n6, r25 ^ n7, s4, l[7] ^ l[8] ^ (n5 ^ n6), n5 ^ s4, n2 ^ n4];
}

/// Substitutes sixteen bytes. Each sixteenth of the table gives the bytes whose upper four bits name it, the others 0.
#[inline(always)]
pub(crate) fn substituted(bytes: Octets) -> Octets {
    let sixteen = Octets::splat(16);
    let mut at = bytes;
    let mut all = Octets::splat(0);
    for sixteenth in TABLE.as_chunks().0 {
        all = all ^ Octets::load(sixteenth).swizzled(at);
        at = at.minus(sixteen);
    }
    all
}

static TABLE: [u8; 256] = table();

/// FIPS 197 section 5.1.1: the inverse, and each bit the sum of five of its bits.
const fn table() -> [u8; 256] {
    let mut table = [CONSTANT; 256];
    // 3 generates the multiplicative group, and 0xf6 is its inverse: they walk through all pairs of inverses.
    let (mut element, mut inverse) = (1, 1);
    loop {
        let sums = inverse
            ^ u8::rotate_left(inverse, 1)
            ^ u8::rotate_left(inverse, 2)
            ^ u8::rotate_left(inverse, 3)
            ^ u8::rotate_left(inverse, 4);
        table[element as usize] ^= sums;
        element = product(element, 3);
        inverse = product(inverse, 0xf6);
        if element == 1 {
            return table;
        }
    }
}

/// In GF(2^8) (FIPS 197 section 4.2). Only for constants: it branches.
pub(crate) const fn product(mut a: u8, mut b: u8) -> u8 {
    let mut sum = 0;
    while b != 0 {
        if b & 1 == 1 {
            sum ^= a;
        }
        a = (a << 1) ^ if a & 0x80 == 0 { 0 } else { 0x1b };
        b >>= 1;
    }
    sum
}
