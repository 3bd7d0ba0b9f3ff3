//! Sixteen bytes side by side: a vector register in WebAssembly, an array elsewhere.

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod vector {
    use core::{
        arch::wasm32::{
            i8x16_add, i8x16_eq, i8x16_lt, i8x16_splat, i8x16_sub, i32x4_shuffle, u8x16_shr, u8x16_shuffle,
            u8x16_splat, u8x16_swizzle, u64x2_shl, u64x2_shr, v128, v128_and, v128_load, v128_store, v128_xor,
        },
        ops::{BitAnd, BitXor},
    };

    /// Sixteen bytes, the first in the lowest lane.
    #[derive(Clone, Copy)]
    pub(crate) struct Octets(v128);

    impl Octets {
        #[inline(always)]
        pub(crate) fn load(bytes: &[u8; 16]) -> Self {
            // SAFETY: the reference is valid for reading 16 bytes, and v128.load wants no alignment.
            Self(unsafe { v128_load(bytes.as_ptr().cast()) })
        }

        #[inline(always)]
        pub(crate) fn store(self, bytes: &mut [u8; 16]) {
            // SAFETY: the reference is valid for writing 16 bytes, and v128.store wants no alignment.
            unsafe { v128_store(bytes.as_mut_ptr().cast(), self.0) }
        }

        #[inline(always)]
        pub(crate) fn splat(byte: u8) -> Self {
            Self(u8x16_splat(byte))
        }

        #[inline(always)]
        pub(crate) fn plus(self, other: Self) -> Self {
            Self(i8x16_add(self.0, other.0))
        }

        #[inline(always)]
        pub(crate) fn minus(self, other: Self) -> Self {
            Self(i8x16_sub(self.0, other.0))
        }

        /// All bits of a byte where the bytes are equal, none elsewhere.
        #[inline(always)]
        pub(crate) fn equal(self, other: Self) -> Self {
            Self(i8x16_eq(self.0, other.0))
        }

        /// All bits of a byte whose highest is set, none elsewhere.
        #[inline(always)]
        pub(crate) fn highest_bits(self) -> Self {
            Self(i8x16_lt(self.0, i8x16_splat(0)))
        }

        /// The byte at each place `by`; 0 where that is 16 or more.
        #[inline(always)]
        pub(crate) fn swizzled(self, by: Self) -> Self {
            Self(u8x16_swizzle(self.0, by.0))
        }

        /// The upper four bits of each byte.
        #[inline(always)]
        pub(crate) fn upper(self) -> Self {
            Self(u8x16_shr(self.0, 4))
        }

        /// 32-bit words rotated: word `i` comes from `i + WORDS`.
        #[inline(always)]
        pub(crate) fn rotated<const WORDS: usize>(self) -> Self {
            Self(match WORDS {
                1 => i32x4_shuffle::<1, 2, 3, 0>(self.0, self.0),
                _ => i32x4_shuffle::<2, 3, 0, 1>(self.0, self.0),
            })
        }

        /// The bytes moved up by one; the first is the last of `before`.
        #[inline(always)]
        pub(crate) fn after(self, before: Self) -> Self {
            Self(u8x16_shuffle::<15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30>(before.0, self.0))
        }

        /// Exchanges the bits of `low` under `mask << BITS` with those of `high` under `mask`, in 64-bit lanes.
        #[inline(always)]
        pub(crate) fn exchange<const BITS: u32>(low: &mut Self, high: &mut Self, mask: u8) {
            let different = v128_and(v128_xor(u64x2_shr(low.0, BITS), high.0), u8x16_splat(mask));
            high.0 = v128_xor(high.0, different);
            low.0 = v128_xor(low.0, u64x2_shl(different, BITS));
        }
    }

    impl BitXor for Octets {
        type Output = Self;

        #[inline(always)]
        fn bitxor(self, other: Self) -> Self {
            Self(v128_xor(self.0, other.0))
        }
    }

    impl BitAnd for Octets {
        type Output = Self;

        #[inline(always)]
        fn bitand(self, other: Self) -> Self {
            Self(v128_and(self.0, other.0))
        }
    }
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod portable {
    use core::{
        array::from_fn,
        ops::{BitAnd, BitXor},
    };

    /// Sixteen bytes, the first in the lowest lane.
    #[derive(Clone, Copy)]
    pub(crate) struct Octets([u8; 16]);

    impl Octets {
        #[inline(always)]
        pub(crate) fn load(bytes: &[u8; 16]) -> Self {
            Self(*bytes)
        }

        #[inline(always)]
        pub(crate) fn store(self, bytes: &mut [u8; 16]) {
            *bytes = self.0;
        }

        #[inline(always)]
        pub(crate) fn splat(byte: u8) -> Self {
            Self([byte; 16])
        }

        #[inline(always)]
        pub(crate) fn plus(self, other: Self) -> Self {
            Self(from_fn(|i| self.0[i].wrapping_add(other.0[i])))
        }

        #[inline(always)]
        pub(crate) fn minus(self, other: Self) -> Self {
            Self(from_fn(|i| self.0[i].wrapping_sub(other.0[i])))
        }

        /// All bits of a byte where the bytes are equal, none elsewhere.
        #[inline(always)]
        pub(crate) fn equal(self, other: Self) -> Self {
            Self(from_fn(|i| equal(self.0[i], other.0[i])))
        }

        /// All bits of a byte whose highest is set, none elsewhere.
        #[inline(always)]
        pub(crate) fn highest_bits(self) -> Self {
            Self(self.0.map(|byte| 0_u8.wrapping_sub(byte >> 7)))
        }

        /// The byte at each place `by`; 0 where that is 16 or more. Looks at every byte for each: `by` may be secret.
        #[inline(always)]
        pub(crate) fn swizzled(self, by: Self) -> Self {
            let mut picked = [0; 16];
            for (place, byte) in self.0.into_iter().enumerate() {
                for (target, wanted) in picked.iter_mut().zip(by.0) {
                    *target |= byte & equal(place as u8, wanted);
                }
            }
            Self(picked)
        }

        /// The upper four bits of each byte.
        #[inline(always)]
        pub(crate) fn upper(self) -> Self {
            Self(self.0.map(|byte| byte >> 4))
        }

        /// 32-bit words rotated: word `i` comes from `i + WORDS`.
        #[inline(always)]
        pub(crate) fn rotated<const WORDS: usize>(self) -> Self {
            Self(from_fn(|i| self.0[(i + 4 * WORDS) % 16]))
        }

        /// The bytes moved up by one; the first is the last of `before`.
        #[inline(always)]
        pub(crate) fn after(self, before: Self) -> Self {
            Self(from_fn(|i| if i == 0 { before.0[15] } else { self.0[i - 1] }))
        }

        /// Exchanges the bits of `low` under `mask << BITS` with those of `high` under `mask`.
        #[inline(always)]
        pub(crate) fn exchange<const BITS: u32>(low: &mut Self, high: &mut Self, mask: u8) {
            for (low, high) in low.0.iter_mut().zip(&mut high.0) {
                let different = ((*low >> BITS) ^ *high) & mask;
                *high ^= different;
                *low ^= different << BITS;
            }
        }
    }

    /// All bits where they are equal, without a branch.
    #[inline(always)]
    fn equal(a: u8, b: u8) -> u8 {
        0_u8.wrapping_sub(u8::from(a == b))
    }

    impl BitXor for Octets {
        type Output = Self;

        #[inline(always)]
        fn bitxor(self, other: Self) -> Self {
            Self(from_fn(|i| self.0[i] ^ other.0[i]))
        }
    }

    impl BitAnd for Octets {
        type Output = Self;

        #[inline(always)]
        fn bitand(self, other: Self) -> Self {
            Self(from_fn(|i| self.0[i] & other.0[i]))
        }
    }
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
pub(crate) use portable::Octets;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub(crate) use vector::Octets;
