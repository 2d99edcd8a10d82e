//! Blocks of 64 bytes to bit masks, once per instruction set.

/// Bytes that one mask covers.
pub(crate) const BLOCK: usize = 64;

/// The comparisons that the scanner makes, on 64 bytes at a time. Bit `i` of a mask is byte `i`.
///
/// # Safety
/// The processor must have the instructions of the implementing level.
pub(crate) unsafe trait Blocks: Copy {
    /// Bytes that end the plain part of a string: `"`, `\` and everything below 0x20.
    ///
    /// # Safety
    /// As for the trait.
    unsafe fn special(block: &[u8; BLOCK]) -> u64;

    /// Backslashes.
    ///
    /// # Safety
    /// As for the trait.
    unsafe fn backslash(block: &[u8; BLOCK]) -> u64;
}

/// Any processor: eight bytes at a time in a plain register.
#[derive(Clone, Copy)]
#[cfg_attr(target_arch = "x86_64", allow(dead_code, reason = "the tests compare it with the others"))]
pub(crate) struct Portable;

impl Portable {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;

    /// High bit of each byte of `word` that is zero; exact, no carries between bytes.
    #[inline(always)]
    const fn zeros(word: u64) -> u64 {
        !(((word & !Self::HIGH) + !Self::HIGH) | word) & Self::HIGH
    }

    /// The high bits of eight bytes as eight neighbouring bits.
    #[inline(always)]
    const fn gather(high: u64) -> u64 {
        (high >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
    }

    #[inline(always)]
    fn map(block: &[u8; BLOCK], matches: impl Fn(u64) -> u64) -> u64 {
        let (words, _) = block.as_chunks::<8>();
        let masks = words.iter().map(|word| Self::gather(matches(u64::from_le_bytes(*word))));
        masks.enumerate().fold(0, |mask, (index, bits)| mask | bits << (index * 8))
    }
}

// SAFETY: plain integer arithmetic.
unsafe impl Blocks for Portable {
    #[inline(always)]
    unsafe fn special(block: &[u8; BLOCK]) -> u64 {
        Self::map(block, |word| {
            let quote = Self::zeros(word ^ (Self::ONES * 0x22));
            let backslash = Self::zeros(word ^ (Self::ONES * 0x5c));
            quote | backslash | Self::zeros(word & (Self::ONES * 0xe0))
        })
    }

    #[inline(always)]
    unsafe fn backslash(block: &[u8; BLOCK]) -> u64 {
        Self::map(block, |word| Self::zeros(word ^ (Self::ONES * 0x5c)))
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Sse2};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_max_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8,
        _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_max_epu8, _mm256_movemask_epi8, _mm256_or_si256,
        _mm256_set1_epi8,
    };

    use super::{BLOCK, Blocks};

    const QUOTE: i8 = 0x22;
    const BACKSLASH: i8 = 0x5c;
    const LAST_CONTROL: i8 = 0x1f;

    /// Four registers of 16 bytes; part of every `x86_64`.
    #[derive(Clone, Copy)]
    pub(crate) struct Sse2;

    impl Sse2 {
        #[inline(always)]
        fn map(block: &[u8; BLOCK], matches: impl Fn(__m128i) -> __m128i) -> u64 {
            let (quarters, _) = block.as_chunks::<16>();
            quarters.iter().enumerate().fold(0, |mask, (index, quarter)| {
                // SAFETY: SSE2 is part of `x86_64`; the load reads the 16 bytes of `quarter`.
                let bits = unsafe { _mm_movemask_epi8(matches(_mm_loadu_si128(quarter.as_ptr().cast()))) };
                mask | u64::from(bits as u32) << (index * 16)
            })
        }
    }

    // SAFETY: SSE2 is part of `x86_64`.
    unsafe impl Blocks for Sse2 {
        #[inline(always)]
        unsafe fn special(block: &[u8; BLOCK]) -> u64 {
            // SAFETY: SSE2 is part of `x86_64`.
            Self::map(block, |bytes| unsafe {
                let quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(QUOTE));
                let backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(BACKSLASH));
                let last = _mm_set1_epi8(LAST_CONTROL);
                let control = _mm_cmpeq_epi8(_mm_max_epu8(bytes, last), last);
                _mm_or_si128(_mm_or_si128(quote, backslash), control)
            })
        }

        #[inline(always)]
        unsafe fn backslash(block: &[u8; BLOCK]) -> u64 {
            // SAFETY: SSE2 is part of `x86_64`.
            Self::map(block, |bytes| unsafe { _mm_cmpeq_epi8(bytes, _mm_set1_epi8(BACKSLASH)) })
        }
    }

    /// Two registers of 32 bytes.
    #[derive(Clone, Copy)]
    pub(crate) struct Avx2;

    // SAFETY: AVX2 alone. No closures here: they would not inherit the instruction set.
    unsafe impl Blocks for Avx2 {
        #[inline(always)]
        unsafe fn special(block: &[u8; BLOCK]) -> u64 {
            let (halves, _) = block.as_chunks::<32>();
            let mut mask = 0;
            for (index, half) in halves.iter().enumerate() {
                // SAFETY: the caller has AVX2; the load reads the 32 bytes of `half`.
                let bits = unsafe {
                    let bytes = _mm256_loadu_si256(half.as_ptr().cast());
                    let quote = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(QUOTE));
                    let backslash = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(BACKSLASH));
                    let last = _mm256_set1_epi8(LAST_CONTROL);
                    let control = _mm256_cmpeq_epi8(_mm256_max_epu8(bytes, last), last);
                    _mm256_movemask_epi8(_mm256_or_si256(_mm256_or_si256(quote, backslash), control))
                };
                mask |= u64::from(bits as u32) << (index * 32);
            }
            mask
        }

        #[inline(always)]
        unsafe fn backslash(block: &[u8; BLOCK]) -> u64 {
            let (halves, _) = block.as_chunks::<32>();
            let mut mask = 0;
            for (index, half) in halves.iter().enumerate() {
                // SAFETY: the caller has AVX2; the load reads the 32 bytes of `half`.
                let bits = unsafe {
                    let bytes = _mm256_loadu_si256(half.as_ptr().cast());
                    _mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(BACKSLASH)))
                };
                mask |= u64::from(bits as u32) << (index * 32);
            }
            mask
        }
    }
}

/// Defines a function that runs a body generic over [`Blocks`], compiled for each level.
///
/// AVX-512 runs the AVX2 copy: the mask registers' latency and the lower clock of 64-byte registers cost a tenth.
macro_rules! at_every_level {
    ($(#[$meta:meta])* $visibility:vis fn $name:ident($($argument:ident: $type:ty),* $(,)?) -> $output:ty = $body:ident) => {
        $(#[$meta])*
        $visibility fn $name($($argument: $type),*) -> $output {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
                fn avx2($($argument: $type),*) -> $output {
                    // SAFETY: this function enables the level.
                    unsafe { $body::<$crate::json::blocks::Avx2>($($argument),*) }
                }
                match $crate::dispatch::level() {
                    // SAFETY: `level()` is never above what the processor was found to have.
                    $crate::dispatch::Level::Avx2 | $crate::dispatch::Level::Avx512 => unsafe { avx2($($argument),*) },
                    // SAFETY: SSE2 is part of `x86_64`.
                    $crate::dispatch::Level::Baseline => unsafe { $body::<$crate::json::blocks::Sse2>($($argument),*) },
                }
            }
            #[cfg(not(target_arch = "x86_64"))]
            // SAFETY: plain integer arithmetic runs everywhere.
            unsafe { $body::<$crate::json::blocks::Portable>($($argument),*) }
        }
    };
}
pub(crate) use at_every_level;

/// The bytes from `from` on that end the plain part of a string, one after the other.
pub(crate) struct Specials<'a> {
    bytes: &'a [u8],
    /// Where the block begins that `mask` is of.
    block: usize,
    /// Specials of the block that were not given yet.
    mask: u64,
}

impl<'a> Specials<'a> {
    /// A search that begins at `from`.
    ///
    /// # Safety
    /// The processor must have the level of `B`.
    #[inline(always)]
    pub(crate) unsafe fn from<B: Blocks>(bytes: &'a [u8], from: usize) -> Self {
        // SAFETY: the caller has the level.
        Self { bytes, block: from, mask: unsafe { Self::load::<B>(bytes, from) } }
    }

    /// The first special byte that is left, else the length of the bytes.
    ///
    /// # Safety
    /// The processor must have the level of `B`.
    #[inline(always)]
    pub(crate) unsafe fn first<B: Blocks>(&mut self) -> usize {
        while self.mask == 0 {
            self.block += BLOCK;
            // SAFETY: the caller has the level.
            self.mask = unsafe { Self::load::<B>(self.bytes, self.block) };
        }
        self.bytes.len().min(self.block + self.mask.trailing_zeros() as usize)
    }

    /// Goes on at `at`, which lies behind the byte that was given last.
    ///
    /// # Safety
    /// The processor must have the level of `B`.
    #[inline(always)]
    pub(crate) unsafe fn skip_to<B: Blocks>(&mut self, at: usize) {
        let ahead = at - self.block;
        if ahead < BLOCK {
            self.mask &= u64::MAX << ahead;
        } else {
            // SAFETY: the caller has the level.
            *self = unsafe { Self::from::<B>(self.bytes, at) };
        }
    }

    #[inline(always)]
    unsafe fn load<B: Blocks>(bytes: &[u8], at: usize) -> u64 {
        if let Some(block) = bytes.get(at..).and_then(<[u8]>::first_chunk::<BLOCK>) {
            // SAFETY: the caller has the level.
            return unsafe { B::special(block) };
        }
        let rest = bytes.len().saturating_sub(at);
        let Some(block) = bytes.last_chunk::<BLOCK>() else { return last_mask(bytes, at) };
        // The last block of the bytes begins before `at`: what stands there is shifted out, and a bit set at the end.
        // SAFETY: the caller has the level.
        unsafe { B::special(block) >> 1 >> (BLOCK - 1 - rest) | 1 << rest }
    }
}

/// The mask of the bytes from `at` on, fewer than a block, with a bit at their number, where a search ends.
///
/// Byte by byte, and a function of its own: beside the vector code it would spoil its registers.
#[cold]
#[inline(never)]
fn last_mask(bytes: &[u8], at: usize) -> u64 {
    let rest = bytes.get(at..).unwrap_or_default();
    let special = |byte: u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    let mask = rest.iter().enumerate().fold(0, |mask, (index, &byte)| mask | u64::from(special(byte)) << index);
    mask | 1 << rest.len()
}

#[inline(always)]
unsafe fn find_special_body<B: Blocks>(bytes: &[u8], from: usize) -> usize {
    // SAFETY: the caller has the level.
    unsafe { Specials::from::<B>(bytes, from).first::<B>() }
}

at_every_level! {
    /// First `"`, `\` or byte below 0x20 at or after `from`, else the length of `bytes`.
    pub(crate) fn find_special(bytes: &[u8], from: usize) -> usize = find_special_body
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, Blocks, Portable};

    fn expected(block: &[u8; BLOCK], matches: impl Fn(u8) -> bool) -> u64 {
        block.iter().enumerate().fold(0, |mask, (index, &byte)| mask | u64::from(matches(byte)) << index)
    }

    fn check<B: Blocks>() {
        let mut state = 1_u64;
        for round in 0..2000_u32 {
            let mut block = [0_u8; BLOCK];
            for byte in &mut block {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let random = (state >> 56) as u8;
                *byte = if round % 2 == 0 { random } else { b"\"\\\x1f\x20\x7f\x80\xff\x00"[usize::from(random & 7)] };
            }
            let special = expected(&block, |byte| byte == b'"' || byte == b'\\' || byte < 0x20);
            // SAFETY: the caller checked the level.
            assert_eq!(unsafe { B::special(&block) }, special);
            // SAFETY: the caller checked the level.
            assert_eq!(unsafe { B::backslash(&block) }, expected(&block, |byte| byte == b'\\'));
        }
    }

    #[test]
    fn masks_are_exact_at_every_level() {
        check::<Portable>();
        #[cfg(target_arch = "x86_64")]
        {
            use crate::dispatch::{Level, detected};
            check::<super::Sse2>();
            if detected() >= Level::Avx2 {
                check::<super::Avx2>();
            }
        }
    }
}
