//! UTF-8 to code points, run by run: Chinese text is runs of three-byte characters with some ASCII between them.

use crate::dispatch::{Level, level};

/// Characters that one vector step may write.
const STEP: usize = 16;

/// Appends the code points of a UTF-8 text.
///
/// The text must be valid UTF-8; other bytes give other numbers below 2²¹, never a panic.
#[inline]
pub fn decode(text: &[u8], points: &mut Vec<u32>) {
    points.reserve(text.len() + STEP);
    #[cfg(target_arch = "x86_64")]
    {
        if level() == Level::Avx512 {
            // SAFETY: `level()` is never above what the processor was found to have.
            unsafe { x86::decode_avx512(text, points) };
            return;
        }
    }
    decode_plain(text, points);
}

fn decode_plain(text: &[u8], points: &mut Vec<u32>) {
    let mut rest = text;
    loop {
        while let Some((block, tail)) = rest.split_first_chunk::<12>() {
            let starts = [block[0], block[3], block[6], block[9]];
            if starts.iter().any(|&start| start & 0xf0 != 0xe0) {
                break;
            }
            let three = |at: usize| {
                (u32::from(block[at] & 0x0f) << 12)
                    | (u32::from(block[at + 1] & 0x3f) << 6)
                    | u32::from(block[at + 2] & 0x3f)
            };
            points.extend_from_slice(&[three(0), three(3), three(6), three(9)]);
            rest = tail;
        }
        match decode_one(rest) {
            Some((point, length)) => {
                points.push(point);
                rest = rest.get(length..).unwrap_or_default();
            }
            None => return,
        }
    }
}

/// The first character of a text and its length in bytes.
#[inline(always)]
fn decode_one(text: &[u8]) -> Option<(u32, usize)> {
    let (&first, tail) = text.split_first()?;
    let follow = |at: usize| u32::from(tail.get(at).copied().unwrap_or(0) & 0x3f);
    Some(match first {
        0..=0x7f => (u32::from(first), 1),
        0x80..=0xdf => ((u32::from(first & 0x1f) << 6) | follow(0), 2),
        0xe0..=0xef => ((u32::from(first & 0x0f) << 12) | (follow(0) << 6) | follow(1), 3),
        _ => ((u32::from(first & 0x07) << 18) | (follow(0) << 12) | (follow(1) << 6) | follow(2), 4),
    })
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m512i, _mm_movemask_epi8, _mm512_and_si512, _mm512_castsi512_si128, _mm512_cmpeq_epi8_mask,
        _mm512_cvtepu8_epi32, _mm512_maskz_loadu_epi8, _mm512_or_si512, _mm512_permutexvar_epi32, _mm512_set1_epi8,
        _mm512_set1_epi32, _mm512_setr_epi32, _mm512_shuffle_epi8, _mm512_srli_epi32, _mm512_storeu_si512,
    };

    use super::{STEP, decode_one};

    /// Bytes at which the 16 characters of a run of three-byte characters begin.
    const EVERY_THIRD: u64 = 0x0000_2492_4924_9249;

    #[target_feature(enable = "avx512f,avx512bw,bmi1,lzcnt,popcnt")]
    pub(super) fn decode_avx512(text: &[u8], points: &mut Vec<u32>) {
        let mut at = 0;
        while at < text.len() {
            debug_assert!(points.capacity() - points.len() >= STEP);
            let left = text.len() - at;
            let mask = if left >= 48 { (1 << 48) - 1 } else { (1 << left) - 1 };
            // SAFETY: only the bytes under the mask are read, and these are left.
            let block = unsafe { _mm512_maskz_loadu_epi8(mask, text.as_ptr().add(at).cast()) };
            let leads = _mm512_cmpeq_epi8_mask(
                _mm512_and_si512(block, _mm512_set1_epi8(0xf0_u8 as i8)),
                _mm512_set1_epi8(0xe0_u8 as i8),
            );
            // The run ends at the first place of a lead byte that holds another byte.
            let run = ((!leads & EVERY_THIRD).trailing_zeros() as usize / 3).min(STEP);
            let (vector, count, bytes) = if run > 0 {
                (three_byte_points(block), run, run * 3)
            } else {
                let first = _mm512_castsi512_si128(block);
                let run = (_mm_movemask_epi8(first) | 1 << STEP).trailing_zeros() as usize;
                let run = run.min(left);
                (_mm512_cvtepu8_epi32(first), run, run)
            };
            if count == 0 {
                let Some((point, length)) = decode_one(&text[at..]) else { return };
                points.push(point);
                at += length;
                continue;
            }
            // SAFETY: a character has at least one byte, so at most `text.len()` are written before the last step,
            // and the caller reserved that and one step more; the first `count` of the 16 written are the run's.
            unsafe {
                _mm512_storeu_si512(points.as_mut_ptr().add(points.len()).cast(), vector);
                points.set_len(points.len() + count);
            }
            at += bytes;
        }
    }

    /// Places of the three bytes of each of four characters in twelve, the first byte on top; 0x80 is a zero.
    const LANES: [i32; 4] =
        [0x8000_0102_u32 as i32, 0x8003_0405_u32 as i32, 0x8006_0708_u32 as i32, 0x8009_0a0b_u32 as i32];

    /// The code points of 16 three-byte characters.
    #[target_feature(enable = "avx512f,avx512bw")]
    fn three_byte_points(block: __m512i) -> __m512i {
        // Each quarter gets the 12 bytes of its four characters, each lane the three bytes of one, first byte on top.
        let quarters =
            _mm512_permutexvar_epi32(_mm512_setr_epi32(0, 1, 2, 0, 3, 4, 5, 0, 6, 7, 8, 0, 9, 10, 11, 0), block);
        let [a, b, c, d] = LANES;
        let bytes = _mm512_shuffle_epi8(quarters, _mm512_setr_epi32(a, b, c, d, a, b, c, d, a, b, c, d, a, b, c, d));
        let high = _mm512_and_si512(_mm512_srli_epi32::<4>(bytes), _mm512_set1_epi32(0xf000));
        let middle = _mm512_and_si512(_mm512_srli_epi32::<2>(bytes), _mm512_set1_epi32(0x0fc0));
        let low = _mm512_and_si512(bytes, _mm512_set1_epi32(0x3f));
        _mm512_or_si512(_mm512_or_si512(high, middle), low)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn decode_is_chars(text in "\\PC{0,60}|[\u{4e00}-\u{4e80}a-c\n]{0,160}|[\u{ff00}-\u{ffff}é😀a中]{0,160}") {
            let expected: Vec<u32> = text.chars().map(u32::from).collect();
            let mut points = vec![7];
            decode(text.as_bytes(), &mut points);
            prop_assert_eq!(&points[1..], &expected);
            points.clear();
            decode_plain(text.as_bytes(), &mut points);
            prop_assert_eq!(&points, &expected);
        }

        #[test]
        fn other_bytes_never_panic_and_are_the_same_on_every_level(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let (mut points, mut plain) = (Vec::new(), Vec::new());
            decode(&bytes, &mut points);
            decode_plain(&bytes, &mut plain);
            prop_assert!(points.iter().all(|&point| point < 1 << 21));
            prop_assert_eq!(points, plain);
        }
    }
}
