//! Products of eight rows with up to 48 in bytes: the same integers on every processor.

use crate::dispatch::{Level, level};

/// Rows on the left of a tile.
pub const LEFT: usize = 8;
/// Rows in a panel, which lie four components of each row after the other.
pub const PANEL: usize = 16;
/// Panels in a tile.
pub const PANELS: usize = 3;
/// Rows on the right of a tile.
pub const RIGHT: usize = PANEL * PANELS;

/// The products of each row on the left with each on the right.
pub type Tile = [[i32; RIGHT]; LEFT];

/// How the products are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
pub enum Kernel {
    /// Plain loops.
    Portable,
    /// AVX2: products of 16-bit numbers.
    Avx2,
    /// AVX-512 BW: products of 16-bit numbers.
    Avx512,
    /// AVX-512 VNNI: products of bytes.
    Vnni,
}

impl Kernel {
    /// The fastest at the level in use.
    #[must_use]
    pub fn in_use() -> Self {
        match level() {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 if is_x86_feature_detected!("avx512vnni") => Self::Vnni,
            Level::Avx512 => Self::Avx512,
            Level::Avx2 => Self::Avx2,
            Level::Baseline => Self::Portable,
        }
    }

    /// All that this processor can run at the level in use.
    #[cfg(test)]
    pub fn available() -> Vec<Self> {
        let all = [Self::Portable, Self::Avx2, Self::Avx512, Self::Vnni];
        let last = all.iter().position(|&kernel| kernel == Self::in_use()).unwrap_or(0);
        all[..=last].to_vec()
    }

    /// The products of the rows of `left` with those of one to three panels, at the front of each row of `tile`.
    ///
    /// Rows have `width` signed bytes, a multiple of four. A panel has 16 rows of unsigned bytes, 128 above the
    /// signed ones; `offsets` is 128 times the sum of each row on the left, which takes that away again.
    pub fn multiply(self, left: &[&[u8]; LEFT], offsets: &[i32; LEFT], panels: &[u8], width: usize, tile: &mut Tile) {
        let panel = width * PANEL;
        let count = panels.len() / panel.max(1);
        let fits =
            width.is_multiple_of(4) && left.iter().all(|row| row.len() == width) && panels.len() == panel * count;
        debug_assert!(fits && (1..=PANELS).contains(&count), "a tile of rows that do not fit");
        if !fits {
            return;
        }
        match (self, count) {
            // SAFETY: the lengths were compared above, and `in_use` gives only what the processor can run.
            #[cfg(target_arch = "x86_64")]
            (Self::Vnni, 1) => unsafe { x86::vnni::<1>(left, offsets, panels, width, tile) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            (Self::Vnni, 2) => unsafe { x86::vnni::<2>(left, offsets, panels, width, tile) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            (Self::Vnni, 3) => unsafe { x86::vnni::<3>(left, offsets, panels, width, tile) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            (Self::Avx512, 1..=3) => unsafe { x86::avx512(left, offsets, panels, width, tile) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            (Self::Avx2, 1..=3) => unsafe { x86::avx2(left, offsets, panels, width, tile) },
            (_, 1..=3) => portable(left, offsets, panels, width, tile),
            _ => {}
        }
    }
}

fn portable(left: &[&[u8]; LEFT], offsets: &[i32; LEFT], panels: &[u8], width: usize, tile: &mut Tile) {
    for ((row, offset), products) in left.iter().zip(offsets).zip(tile.iter_mut()) {
        let row = row.as_chunks::<4>().0;
        for (panel, products) in panels.chunks_exact(width * PANEL).zip(products.as_chunks_mut::<PANEL>().0) {
            *products = [-offset; PANEL];
            for (x, step) in row.iter().zip(panel.as_chunks::<{ 4 * PANEL }>().0) {
                let x = x.map(|x| i32::from(x.cast_signed()));
                for (product, y) in products.iter_mut().zip(step.as_chunks::<4>().0) {
                    let y = y.map(i32::from);
                    *product += x[0] * y[0] + x[1] * y[1] + x[2] * y[2] + x[3] * y[3];
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[expect(clippy::cast_ptr_alignment, reason = "all loads and stores are those that need no alignment")]
mod x86 {
    use std::arch::x86_64::{
        __m128i, __m256i, __m512i, _mm_loadu_si128, _mm_set1_epi32, _mm256_add_epi32, _mm256_cvtepi8_epi16,
        _mm256_cvtepu8_epi16, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_set1_epi32, _mm256_setzero_si256,
        _mm256_storeu_si256, _mm512_add_epi32, _mm512_cvtepi8_epi16, _mm512_cvtepu8_epi16, _mm512_dpbusd_epi32,
        _mm512_loadu_si512, _mm512_madd_epi16, _mm512_set1_epi32, _mm512_setzero_si512, _mm512_storeu_si512,
    };

    use super::{LEFT, PANEL, Tile};

    /// Four components of a row as one number.
    ///
    /// # Safety
    /// The row has at least `4 * step + 4` bytes.
    #[inline(always)]
    unsafe fn four(row: *const u8, step: usize) -> i32 {
        // SAFETY: by the function's contract.
        unsafe { row.add(4 * step).cast::<i32>().read_unaligned() }
    }

    /// # Safety
    /// Rows have `width` bytes, a multiple of four; there are `COUNT` panels.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    pub unsafe fn vnni<const COUNT: usize>(
        left: &[&[u8]; LEFT],
        offsets: &[i32; LEFT],
        panels: &[u8],
        width: usize,
        tile: &mut Tile,
    ) {
        let left = left.map(<[u8]>::as_ptr);
        let mut sums = [[_mm512_setzero_si512(); COUNT]; LEFT];
        for (sums, offset) in sums.iter_mut().zip(offsets) {
            *sums = [_mm512_set1_epi32(-*offset); COUNT];
        }
        for step in 0..width / 4 {
            let mut right = [_mm512_setzero_si512(); COUNT];
            for (panel, right) in right.iter_mut().enumerate() {
                // SAFETY: a panel has 64 bytes for every step.
                *right = unsafe {
                    _mm512_loadu_si512(panels.as_ptr().add((panel * width + 4 * step) * PANEL).cast::<__m512i>())
                };
            }
            for (sums, &row) in sums.iter_mut().zip(&left) {
                // SAFETY: a row has four bytes for every step.
                let x = _mm512_set1_epi32(unsafe { four(row, step) });
                for (sum, &right) in sums.iter_mut().zip(&right) {
                    *sum = _mm512_dpbusd_epi32(*sum, right, x);
                }
            }
        }
        for (products, sums) in tile.iter_mut().zip(&sums) {
            for (panel, &sum) in sums.iter().enumerate() {
                // SAFETY: a row of a tile has room for three panels.
                unsafe { _mm512_storeu_si512(products.as_mut_ptr().add(panel * PANEL).cast::<__m512i>(), sum) };
            }
        }
    }

    /// # Safety
    /// Rows have `width` bytes, a multiple of four; there are one to three panels.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx2")]
    pub unsafe fn avx512(left: &[&[u8]; LEFT], offsets: &[i32; LEFT], panels: &[u8], width: usize, tile: &mut Tile) {
        for (panel, bytes) in panels.chunks_exact(width * PANEL).enumerate() {
            // Eight rows of the panel in each register, a row in two numbers.
            let mut sums = [[_mm512_setzero_si512(); 2]; LEFT];
            for step in 0..width / 4 {
                // SAFETY: a panel has 64 bytes for every step.
                let right = unsafe {
                    let at = bytes.as_ptr().add(4 * step * PANEL);
                    [at, at.add(32)].map(|at| _mm512_cvtepu8_epi16(_mm256_loadu_si256(at.cast::<__m256i>())))
                };
                for (sums, row) in sums.iter_mut().zip(left) {
                    // SAFETY: a row has four bytes for every step.
                    let x = _mm512_cvtepi8_epi16(_mm256_set1_epi32(unsafe { four(row.as_ptr(), step) }));
                    for (sum, right) in sums.iter_mut().zip(right) {
                        *sum = _mm512_add_epi32(*sum, _mm512_madd_epi16(right, x));
                    }
                }
            }
            for ((products, sums), offset) in tile.iter_mut().zip(&sums).zip(offsets) {
                let mut halves = [0_i32; 2 * PANEL];
                for (part, &sum) in sums.iter().enumerate() {
                    // SAFETY: there is room for two registers.
                    unsafe { _mm512_storeu_si512(halves.as_mut_ptr().add(part * 16).cast::<__m512i>(), sum) };
                }
                add_halves(&mut products[panel * PANEL..][..PANEL], &halves, *offset);
            }
        }
    }

    /// Rows on the left that share the registers of AVX2.
    const GROUP: usize = 2;

    /// # Safety
    /// Rows have `width` bytes, a multiple of four; there are one to three panels.
    #[target_feature(enable = "avx2")]
    pub unsafe fn avx2(left: &[&[u8]; LEFT], offsets: &[i32; LEFT], panels: &[u8], width: usize, tile: &mut Tile) {
        for (panel, bytes) in panels.chunks_exact(width * PANEL).enumerate() {
            for first in (0..LEFT).step_by(GROUP) {
                // Four rows of the panel in each register, a row in two numbers.
                let mut sums = [[_mm256_setzero_si256(); 4]; GROUP];
                for step in 0..width / 4 {
                    let mut right = [_mm256_setzero_si256(); 4];
                    for (part, right) in right.iter_mut().enumerate() {
                        // SAFETY: a panel has 64 bytes for every step.
                        *right = _mm256_cvtepu8_epi16(unsafe {
                            _mm_loadu_si128(bytes.as_ptr().add(4 * step * PANEL + 16 * part).cast::<__m128i>())
                        });
                    }
                    for (sums, row) in sums.iter_mut().zip(&left[first..]) {
                        // SAFETY: a row has four bytes for every step.
                        let x = _mm256_cvtepi8_epi16(_mm_set1_epi32(unsafe { four(row.as_ptr(), step) }));
                        for (sum, &right) in sums.iter_mut().zip(&right) {
                            *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(right, x));
                        }
                    }
                }
                for (row, sums) in sums.iter().enumerate() {
                    let mut halves = [0_i32; 2 * PANEL];
                    for (part, &sum) in sums.iter().enumerate() {
                        // SAFETY: there is room for four registers.
                        unsafe { _mm256_storeu_si256(halves.as_mut_ptr().add(part * 8).cast::<__m256i>(), sum) };
                    }
                    let products = &mut tile[first + row][panel * PANEL..][..PANEL];
                    add_halves(products, &halves, offsets[first + row]);
                }
            }
        }
    }

    /// The two numbers of each row together, less the offset.
    #[inline(always)]
    fn add_halves(products: &mut [i32], halves: &[i32; 2 * PANEL], offset: i32) {
        for (product, halves) in products.iter_mut().zip(halves.as_chunks::<2>().0) {
            *product = halves[0] + halves[1] - offset;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_gives_the_integers_of_plain_loops() {
        let mut state = 7_u64;
        let mut byte = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 40) % 255) as i32 - 127
        };
        for width in [4, 8, 20, 128, 512, 4096] {
            for count in 1..=PANELS {
                let left: Vec<Vec<i32>> = (0..LEFT).map(|_| (0..width).map(|_| byte()).collect()).collect();
                let mut right: Vec<Vec<i32>> =
                    (0..count * PANEL).map(|_| (0..width).map(|_| byte()).collect()).collect();
                right[0].fill(127);
                let bytes: Vec<Vec<u8>> =
                    left.iter().map(|row| row.iter().map(|&x| (x as i8).cast_unsigned()).collect()).collect();
                let mut panels = vec![0; count * PANEL * width];
                for (row, values) in right.iter().enumerate() {
                    for (at, &value) in values.iter().enumerate() {
                        panels[(row / PANEL * width + at / 4 * 4) * PANEL + row % PANEL * 4 + at % 4] =
                            (value + 128) as u8;
                    }
                }
                let offsets: [i32; LEFT] = std::array::from_fn(|row| 128 * left[row].iter().sum::<i32>());
                for kernel in Kernel::available() {
                    let mut tile = [[0; RIGHT]; LEFT];
                    kernel.multiply(&std::array::from_fn(|row| &bytes[row][..]), &offsets, &panels, width, &mut tile);
                    for (x, products) in left.iter().zip(&tile) {
                        for (y, &product) in right.iter().zip(products) {
                            let expected: i32 = x.iter().zip(y).map(|(x, y)| x * y).sum();
                            assert_eq!(expected, product, "{kernel:?} {width} {count}");
                        }
                    }
                }
            }
        }
    }
}
