//! Matrix products in whole numbers of eight bits, with a scale for each row on the left and each column on the right.
//!
//! The left rows hold numbers of −127 to 127 with 128 added, as the instructions want them; what that adds to a sum is
//! known for each column and taken off. All sums are exact, so their order is of no account; what follows in f32 has
//! one order.

use super::aligned::Aligned;
use super::instructions::{InstructionSet, Kind};
use super::product_f32::{Residual, by_rows};

/// Columns that are computed together.
pub const PANEL: usize = 32;
/// Numbers that one instruction adds up for each column.
const GROUP: usize = 4;

/// A right matrix of one or more taps, cut into panels of [`PANEL`] columns.
pub struct MatrixI8 {
    taps: usize,
    /// Numbers of a tap.
    inner: usize,
    columns: usize,
    /// Panel by panel, then tap by tap; groups of four rows, in which the four numbers of a column are neighbours.
    panels: Aligned<i8>,
    /// Panel by panel, tap by tap: −128 times the sum of each column.
    excess: Vec<i32>,
    scales: Vec<f32>,
    bias: Vec<f32>,
}

/// Left rows: bytes, and what one is worth in each row.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    pub bytes: &'a [u8],
    pub scales: &'a [f32],
}

impl MatrixI8 {
    /// From `taps` times as many rows of `columns` numbers, a multiple of [`PANEL`], and the bias of each column.
    pub fn new(rows: &[f32], taps: usize, columns: usize, bias: &[f32]) -> Self {
        let inner = rows.len() / columns / taps;
        assert!(columns.is_multiple_of(PANEL) && inner.is_multiple_of(GROUP) && bias.len() == columns);
        assert!(taps > 0 && rows.len() == taps * inner * columns && inner < 1 << 16);
        let mut scales = vec![0f32; columns];
        for row in rows.chunks_exact(columns) {
            for (scale, value) in scales.iter_mut().zip(row) {
                *scale = scale.max(value.abs() / 127.0);
            }
        }
        let mut panels = Vec::with_capacity(rows.len());
        let mut excess = Vec::with_capacity(taps * columns);
        for first in (0..columns).step_by(PANEL) {
            for tap in rows.chunks_exact(inner * columns) {
                let mut sums = [0; PANEL];
                for group in tap.chunks_exact(GROUP * columns) {
                    for (column, sum) in sums.iter_mut().enumerate() {
                        for row in group.chunks_exact(columns) {
                            let scale = scales[first + column];
                            let value = if scale > 0.0 { row[first + column] / scale } else { 0.0 };
                            let value = value.round().clamp(-127.0, 127.0) as i8;
                            *sum -= 128 * i32::from(value);
                            panels.push(value);
                        }
                    }
                }
                excess.extend(sums);
            }
        }
        Self { taps, inner, columns, panels: Aligned::of(&panels), excess, scales, bias: bias.to_vec() }
    }

    /// Sets the `wanted` rows of `out`, `out_stride` apart. Left rows begin `STRIDE` apart; that of a wanted `r` is made of the left rows `r`, `r + 1`, … of each tap, and of row `r` of `residual`.
    pub fn multiply<const STRIDE: usize>(
        &self,
        set: InstructionSet,
        left: Rows<'_>,
        wanted: &[u32],
        out: &mut [f32],
        out_stride: usize,
        residual: Option<Residual<'_>>,
    ) {
        let Some(&last) = wanted.iter().max() else { return };
        let last = last as usize;
        if let Some(residual) = residual {
            residual.check(last, self.columns);
        }
        assert!(left.scales.len() >= last + self.taps);
        assert!(left.bytes.len() >= (last + self.taps - 1) * STRIDE + self.inner);
        assert!(out_stride >= self.columns && out.len() >= last * out_stride + self.columns);
        let panels = self.panels.chunks_exact(self.taps * self.inner * PANEL);
        for (number, (panel, excess)) in panels.zip(self.excess.chunks_exact(self.taps * PANEL)).enumerate() {
            let mut row = 0;
            while row < wanted.len() {
                let tile = Tile {
                    left,
                    wanted: &wanted[row..],
                    inner: self.inner,
                    panel,
                    excess,
                    scales: &self.scales[number * PANEL..][..PANEL],
                    bias: &self.bias[number * PANEL..][..PANEL],
                    out: &mut out[number * PANEL..],
                    out_stride,
                    residual: residual.map(|residual| residual.columns_from(number * PANEL)),
                };
                row += tile.run::<STRIDE>(set);
            }
        }
    }
}

/// Some rows of a panel's part of the result.
struct Tile<'a> {
    left: Rows<'a>,
    /// The rows on the left, from the first of the tile to the last of all.
    wanted: &'a [u32],
    inner: usize,
    panel: &'a [i8],
    excess: &'a [i32],
    scales: &'a [f32],
    bias: &'a [f32],
    out: &'a mut [f32],
    out_stride: usize,
    residual: Option<Residual<'a>>,
}

impl Tile<'_> {
    /// Computes some of the wanted rows; how many these were.
    #[inline]
    fn run<const STRIDE: usize>(self, set: InstructionSet) -> usize {
        #[cfg(target_arch = "x86_64")]
        match set.kind() {
            // SAFETY: a set is one that the processor was found to have; `multiply` has checked the bounds of all rows.
            Kind::Vnni => unsafe {
                return by_rows!(self.wanted.len(), STRIDE, vnni, self, 11 10 9 8 7 6 5 4 3 2);
            },
            // SAFETY: as above.
            Kind::Avx512 | Kind::Avx2 => unsafe {
                return match self.wanted.len() {
                    2.. => x86::avx2::<2, STRIDE>(self),
                    _ => x86::avx2::<1, STRIDE>(self),
                };
            },
            Kind::Portable => {}
        }
        let _ = set;
        self.portable::<STRIDE>()
    }

    fn portable<const STRIDE: usize>(mut self) -> usize {
        let mut result = [0.0; PANEL];
        for (tap, panel) in self.panel.chunks_exact(self.inner * PANEL).enumerate() {
            let mut sums = [0; PANEL];
            let bytes = &self.left.bytes[(self.wanted[0] as usize + tap) * STRIDE..][..self.inner];
            for (factors, group) in bytes.as_chunks::<GROUP>().0.iter().zip(panel.chunks_exact(PANEL * GROUP)) {
                for (sum, values) in sums.iter_mut().zip(group.as_chunks::<GROUP>().0) {
                    for (&factor, &value) in factors.iter().zip(values) {
                        *sum += i32::from(factor) * i32::from(value);
                    }
                }
            }
            self.add_tap(tap, 0, &sums, &mut result);
        }
        self.finish(0, &result);
        1
    }

    /// Adds a tap's sums to the result of a row.
    #[inline(always)]
    fn add_tap(&self, tap: usize, row: usize, sums: &[i32; PANEL], result: &mut [f32; PANEL]) {
        let scale = self.left.scales[self.wanted[row] as usize + tap];
        let excess = &self.excess[tap * PANEL..][..PANEL];
        for column in 0..PANEL {
            result[column] = scale.mul_add((sums[column] + excess[column]) as f32, result[column]);
        }
    }

    #[inline(always)]
    fn finish(&mut self, row: usize, result: &[f32; PANEL]) {
        let number = self.wanted[row] as usize;
        let out = &mut self.out[number * self.out_stride..][..PANEL];
        for column in 0..PANEL {
            out[column] = result[column].mul_add(self.scales[column], self.bias[column]);
        }
        if let Some(residual) = self.residual {
            residual.apply(number, out);
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[allow(clippy::wildcard_imports, reason = "the instructions' names say where they are from")]
#[expect(clippy::needless_pass_by_value, reason = "a tile is made for one call")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{GROUP, PANEL, Tile};

    /// Bytes between what is read of a panel and what is asked for.
    const AHEAD: usize = 1024;

    /// The rows on the left of a tap.
    ///
    /// # Safety
    /// `ROWS` rows are wanted, and the left has them, `STRIDE` apart.
    #[inline(always)]
    unsafe fn rows<const ROWS: usize, const STRIDE: usize>(tile: &Tile<'_>, tap: usize) -> [*const u8; ROWS] {
        // SAFETY: by the contract of this function.
        std::array::from_fn(|row| unsafe {
            tile.left.bytes.as_ptr().add((*tile.wanted.get_unchecked(row) as usize + tap) * STRIDE)
        })
    }

    /// # Safety
    /// `ROWS` rows are wanted; the left has them and one more for each tap but the first, `STRIDE` apart, and `out` has
    /// rows of these numbers.
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    pub unsafe fn vnni<const ROWS: usize, const STRIDE: usize>(tile: Tile<'_>) -> usize {
        let groups = tile.inner / GROUP;
        // SAFETY: by the contract of this function; the panel has `inner` rows for each tap.
        unsafe {
            let mut result = [[_mm512_setzero_ps(); 2]; ROWS];
            for tap in 0..tile.excess.len() / PANEL {
                let bytes = rows::<ROWS, STRIDE>(&tile, tap);
                let panel = tile.panel.as_ptr().add(tap * tile.inner * PANEL);
                let excess = tile.excess.as_ptr().add(tap * PANEL);
                let excess = [_mm512_loadu_si512(excess.cast()), _mm512_loadu_si512(excess.add(16).cast())];
                let mut sums = [excess; ROWS];
                for group in 0..groups {
                    let low = _mm512_loadu_si512(panel.add(group * PANEL * GROUP).cast());
                    let high = _mm512_loadu_si512(panel.add(group * PANEL * GROUP + 64).cast());
                    // The panel of a branch is larger than the first cache.
                    _mm_prefetch::<_MM_HINT_T0>(panel.wrapping_add(group * PANEL * GROUP + AHEAD));
                    _mm_prefetch::<_MM_HINT_T0>(panel.wrapping_add(group * PANEL * GROUP + AHEAD + 64));
                    for row in 0..ROWS {
                        let four = bytes[row].add(group * GROUP).cast::<i32>().read_unaligned();
                        let four = _mm512_set1_epi32(four);
                        sums[row][0] = _mm512_dpbusd_epi32(sums[row][0], four, low);
                        sums[row][1] = _mm512_dpbusd_epi32(sums[row][1], four, high);
                    }
                }
                for row in 0..ROWS {
                    let number = *tile.wanted.get_unchecked(row) as usize + tap;
                    let scale = _mm512_set1_ps(*tile.left.scales.get_unchecked(number));
                    for half in 0..2 {
                        let sum = _mm512_cvtepi32_ps(sums[row][half]);
                        result[row][half] = _mm512_fmadd_ps(scale, sum, result[row][half]);
                    }
                }
            }
            for half in 0..2 {
                let scales = _mm512_loadu_ps(tile.scales.as_ptr().add(half * 16));
                let bias = _mm512_loadu_ps(tile.bias.as_ptr().add(half * 16));
                for (row, result) in result.iter().enumerate() {
                    let number = *tile.wanted.get_unchecked(row) as usize;
                    let out = tile.out.as_mut_ptr().add(number * tile.out_stride + half * 16);
                    let mut value = _mm512_fmadd_ps(result[half], scales, bias);
                    if let Some(residual) = tile.residual {
                        let other = residual.rows.as_ptr().add(number * residual.stride + half * 16);
                        value = _mm512_add_ps(_mm512_max_ps(value, _mm512_setzero_ps()), _mm512_loadu_ps(other));
                    }
                    _mm512_storeu_ps(out, value);
                }
            }
        }
        ROWS
    }

    /// By products of 16 bits, which cannot overflow where those of 8 bits would.
    ///
    /// # Safety
    /// As for [`vnni`].
    #[target_feature(enable = "avx2,fma")]
    pub unsafe fn avx2<const ROWS: usize, const STRIDE: usize>(mut tile: Tile<'_>) -> usize {
        let mut result = [[0.0; PANEL]; ROWS];
        for tap in 0..tile.excess.len() / PANEL {
            let mut sums = [[0i32; PANEL]; ROWS];
            for first in (0..PANEL).step_by(16) {
                // SAFETY: by the contract of this function; four loads of 16 bytes are the 16 columns from `first` on.
                unsafe {
                    let bytes = rows::<ROWS, STRIDE>(&tile, tap);
                    let panel = tile.panel.as_ptr().add(tap * tile.inner * PANEL + first * GROUP);
                    // Two neighbouring sums for each column.
                    let mut halves = [[_mm256_setzero_si256(); 4]; ROWS];
                    for group in 0..tile.inner / GROUP {
                        let values: [__m256i; 4] = std::array::from_fn(|part| {
                            let at = panel.add(group * PANEL * GROUP + part * 16);
                            _mm256_cvtepi8_epi16(_mm_loadu_si128(at.cast()))
                        });
                        for row in 0..ROWS {
                            let four = bytes[row].add(group * GROUP).cast::<i32>().read_unaligned();
                            let four = _mm256_cvtepu8_epi16(_mm_set1_epi32(four));
                            for part in 0..4 {
                                let products = _mm256_madd_epi16(four, values[part]);
                                halves[row][part] = _mm256_add_epi32(halves[row][part], products);
                            }
                        }
                    }
                    for row in 0..ROWS {
                        for part in 0..4 {
                            let mut pairs = [0i32; 8];
                            _mm256_storeu_si256(pairs.as_mut_ptr().cast(), halves[row][part]);
                            for (column, pair) in pairs.as_chunks::<2>().0.iter().enumerate() {
                                sums[row][first + part * 4 + column] = pair[0] + pair[1];
                            }
                        }
                    }
                }
            }
            for row in 0..ROWS {
                tile.add_tap(tap, row, &sums[row], &mut result[row]);
            }
        }
        for (row, result) in result.iter().enumerate() {
            tile.finish(row, result);
        }
        ROWS
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_set_gives_the_sums_of_the_definition(
            wanted in proptest::collection::vec(0u32..30, 0..30), taps in 1usize..6,
            bytes in proptest::collection::vec(1u8.., 301),
            weights in proptest::collection::vec(prop_oneof![-3f32..3.0, Just(3.0), Just(-3.0)], 307),
        ) {
            const STRIDE: usize = 24;
            let columns = 64;
            let right: Vec<f32> = (0..taps * STRIDE * columns).map(|at| weights[at * 5 % 307]).collect();
            let bias: Vec<f32> = (0..columns).map(|at| weights[at]).collect();
            let matrix = MatrixI8::new(&right, taps, columns, &bias);
            let left: Vec<u8> = (0..(30 + taps) * STRIDE).map(|at| bytes[at * 3 % 301]).collect();
            let scales: Vec<f32> = (0..30 + taps).map(|at| weights[at + 50].abs()).collect();
            let residual: Vec<f32> = (0..30 * columns).map(|at| weights[at % 307]).collect();
            let mut results = Vec::new();
            for set in InstructionSet::current().and_plainer() {
                let mut out = vec![7.0; 30 * 70];
                let left = Rows { bytes: &left, scales: &scales };
                let residual = Some(Residual { rows: &residual, stride: columns });
                matrix.multiply::<STRIDE>(set, left, &wanted, &mut out, 70, residual);
                results.push(out.iter().map(|value| value.to_bits()).collect::<Vec<_>>());
            }
            prop_assert!(results.iter().all(|result| *result == results[0]));
            for row in wanted.iter().map(|&row| row as usize) {
                for column in 0..columns {
                    let scale = (0..taps * STRIDE).map(|at| right[at * columns + column].abs()).fold(0f32, f32::max) / 127.0;
                    let (mut sum, mut size) = (0f64, 0f64);
                    for tap in 0..taps {
                        for at in 0..STRIDE {
                            let factor = i32::from(left[(row + tap) * STRIDE + at]) - 128;
                            let weight = (right[(tap * STRIDE + at) * columns + column] / scale).round();
                            let term = f64::from(factor) * f64::from(weight) * f64::from(scale * scales[row + tap]);
                            sum += term;
                            size += term.abs();
                        }
                    }
                    let found = f64::from(f32::from_bits(results[0][row * 70 + column]));
                    let wanted = (sum + f64::from(bias[column])).max(0.0) + f64::from(residual[row * columns + column]);
                    prop_assert!((found - wanted).abs() <= 1e-5 * (1.0 + size));
                }
            }
        }
    }
}
