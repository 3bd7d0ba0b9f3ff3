//! Four 32-bit words side by side: a vector register in WebAssembly, an array elsewhere.

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod vector {
    use core::arch::wasm32::{
        i32x4_add, i32x4_shuffle, i64x2_shuffle, u8x16_shuffle, u32x4, u32x4_shl, u32x4_shr, u32x4_splat, v128,
        v128_load, v128_or, v128_store, v128_xor,
    };

    /// Four words, the first in the lowest lane.
    #[derive(Clone, Copy)]
    pub(crate) struct Lanes(v128);

    impl Lanes {
        #[inline(always)]
        pub(crate) fn new(a: u32, b: u32, c: u32, d: u32) -> Self {
            Self(u32x4(a, b, c, d))
        }

        #[inline(always)]
        pub(crate) fn splat(word: u32) -> Self {
            Self(u32x4_splat(word))
        }

        #[inline(always)]
        pub(crate) fn plus(self, other: Self) -> Self {
            Self(i32x4_add(self.0, other.0))
        }

        #[inline(always)]
        pub(crate) fn xor(self, other: Self) -> Self {
            Self(v128_xor(self.0, other.0))
        }

        /// Each word rotated left. Whole bytes move by one shuffle instead of two shifts and an OR.
        #[inline(always)]
        pub(crate) fn rotated<const BITS: u32>(self) -> Self {
            let v = self.0;
            Self(match BITS {
                16 => u8x16_shuffle::<2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13>(v, v),
                8 => u8x16_shuffle::<3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14>(v, v),
                _ => v128_or(u32x4_shl(v, BITS), u32x4_shr(v, 32 - BITS)),
            })
        }

        /// Rows become columns.
        #[inline(always)]
        pub(crate) fn transposed([a, b, c, d]: [Self; 4]) -> [Self; 4] {
            let low_ab = i32x4_shuffle::<0, 4, 1, 5>(a.0, b.0);
            let high_ab = i32x4_shuffle::<2, 6, 3, 7>(a.0, b.0);
            let low_cd = i32x4_shuffle::<0, 4, 1, 5>(c.0, d.0);
            let high_cd = i32x4_shuffle::<2, 6, 3, 7>(c.0, d.0);
            [
                Self(i64x2_shuffle::<0, 2>(low_ab, low_cd)),
                Self(i64x2_shuffle::<1, 3>(low_ab, low_cd)),
                Self(i64x2_shuffle::<0, 2>(high_ab, high_cd)),
                Self(i64x2_shuffle::<1, 3>(high_ab, high_cd)),
            ]
        }

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
    }
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod portable {
    use core::array::from_fn;

    /// Four words, the first in the lowest lane.
    #[derive(Clone, Copy)]
    pub(crate) struct Lanes([u32; 4]);

    impl Lanes {
        #[inline(always)]
        pub(crate) fn new(a: u32, b: u32, c: u32, d: u32) -> Self {
            Self([a, b, c, d])
        }

        #[inline(always)]
        pub(crate) fn splat(word: u32) -> Self {
            Self([word; 4])
        }

        #[inline(always)]
        pub(crate) fn plus(self, other: Self) -> Self {
            Self(from_fn(|i| self.0[i].wrapping_add(other.0[i])))
        }

        #[inline(always)]
        pub(crate) fn xor(self, other: Self) -> Self {
            Self(from_fn(|i| self.0[i] ^ other.0[i]))
        }

        /// Each word rotated left.
        #[inline(always)]
        pub(crate) fn rotated<const BITS: u32>(self) -> Self {
            Self(self.0.map(|word| word.rotate_left(BITS)))
        }

        /// Rows become columns.
        #[inline(always)]
        pub(crate) fn transposed(rows: [Self; 4]) -> [Self; 4] {
            from_fn(|i| Self(from_fn(|j| rows[j].0[i])))
        }

        #[inline(always)]
        pub(crate) fn load(bytes: &[u8; 16]) -> Self {
            Self(from_fn(|i| u32::from_le_bytes(from_fn(|j| bytes[4 * i + j]))))
        }

        #[inline(always)]
        pub(crate) fn store(self, bytes: &mut [u8; 16]) {
            for (target, word) in bytes.chunks_exact_mut(4).zip(self.0) {
                target.copy_from_slice(&word.to_le_bytes());
            }
        }
    }
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
pub(crate) use portable::Lanes;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub(crate) use vector::Lanes;
