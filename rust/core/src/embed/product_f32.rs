//! Matrix products in f32. Each element is one chain of fused multiplications and additions in the order of the
//! columns of the left matrix, begun with the bias; only how many elements are computed at once differs.

use std::ops::Range;

use super::aligned::Aligned;
use super::instructions::{InstructionSet, Kind};

/// Columns that are computed together.
pub const PANEL: usize = 32;
/// Rows that are computed together where there are registers for them.
const MOST_ROWS: usize = 12;

/// What is added to a product after its negative elements have become zero: rows `stride` apart.
#[derive(Clone, Copy)]
pub struct Residual<'a> {
    pub rows: &'a [f32],
    pub stride: usize,
}

impl Residual<'_> {
    /// That there is a row of so many columns with that number.
    pub fn check(&self, last: usize, columns: usize) {
        assert!(self.stride >= columns && self.rows.len() >= last * self.stride + columns);
    }

    /// What belongs to the columns from that one on.
    pub fn columns_from(self, column: usize) -> Self {
        Self { rows: &self.rows[column..], stride: self.stride }
    }

    #[inline(always)]
    pub fn apply(&self, row: usize, out: &mut [f32]) {
        for (value, residual) in out.iter_mut().zip(&self.rows[row * self.stride..]) {
            *value = if *value > 0.0 { *value } else { 0.0 } + residual;
        }
    }
}

/// Calls a function that is compiled for each number of rows from 12 down.
macro_rules! by_rows {
    ($rows:expr, $stride:ident, $function:ident, $tile:expr, $($count:literal)*) => {
        match $rows {
            12.. => x86::$function::<12, $stride>($tile),
            $($count => x86::$function::<$count, $stride>($tile),)*
            _ => x86::$function::<1, $stride>($tile),
        }
    };
}
pub(super) use by_rows;

/// A right matrix, cut into panels of [`PANEL`] columns.
pub struct MatrixF32 {
    inner: usize,
    columns: usize,
    /// Panel by panel, row by row.
    panels: Aligned<f32>,
    bias: Vec<f32>,
}

impl MatrixF32 {
    /// From rows of `columns` numbers each, a multiple of [`PANEL`], and the bias of each column.
    pub fn new(rows: &[f32], columns: usize, bias: &[f32]) -> Self {
        assert!(columns.is_multiple_of(PANEL) && rows.len().is_multiple_of(columns) && bias.len() == columns);
        let mut panels = Vec::with_capacity(rows.len());
        for first in (0..columns).step_by(PANEL) {
            for row in rows.chunks_exact(columns) {
                panels.extend_from_slice(&row[first..first + PANEL]);
            }
        }
        Self { inner: rows.len() / columns, columns, panels: Aligned::of(&panels), bias: bias.to_vec() }
    }

    /// Sets the `wanted` rows of `out`, `out_stride` apart, to the products of these rows of `left`. Rows of `left` begin
    /// `STRIDE` apart and may overlap; those of `residual` have the same numbers.
    pub fn multiply<const STRIDE: usize>(
        &self,
        set: InstructionSet,
        left: &[f32],
        wanted: &[u32],
        out: &mut [f32],
        out_stride: usize,
        residual: Option<Residual<'_>>,
    ) {
        let all = Part { rows: wanted, inner: 0..self.inner };
        self.multiply_parts::<STRIDE>(set, left, &[all], out, out_stride, residual);
    }

    /// The same for rows of which a range of numbers is not zero. The zeros are left out: they would change no sum, save
    /// for the sign of one that is zero, and with a residual that makes no difference.
    pub fn multiply_parts<const STRIDE: usize>(
        &self,
        set: InstructionSet,
        left: &[f32],
        parts: &[Part<'_>],
        out: &mut [f32],
        out_stride: usize,
        residual: Option<Residual<'_>>,
    ) {
        let Some(&last) = parts.iter().flat_map(|part| part.rows).max() else { return };
        let last = last as usize;
        if let Some(residual) = residual {
            residual.check(last, self.columns);
        }
        assert!(left.len() >= last * STRIDE + self.inner);
        assert!(out_stride >= self.columns && out.len() >= last * out_stride + self.columns);
        for (number, panel) in self.panels.chunks_exact(self.inner * PANEL).enumerate() {
            for part in parts {
                let panel = &panel[part.inner.start * PANEL..part.inner.end * PANEL];
                let mut row = 0;
                while row < part.rows.len() {
                    let tile = Tile {
                        left: &left[part.inner.start..],
                        wanted: &part.rows[row..],
                        panel,
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
}

/// Rows of a left matrix that have nothing but zeros outside a range of their numbers.
pub struct Part<'a> {
    pub rows: &'a [u32],
    pub inner: Range<usize>,
}

/// Some rows of a panel's part of the result.
struct Tile<'a> {
    left: &'a [f32],
    /// The rows on the left, from the first of the tile to the last of all.
    wanted: &'a [u32],
    panel: &'a [f32],
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
            Kind::Avx512 | Kind::Vnni => unsafe {
                // As equal as can be: a tile of one row would wait for each sum.
                let count = self.wanted.len().div_ceil(self.wanted.len().div_ceil(MOST_ROWS));
                return by_rows!(count, STRIDE, avx512, self, 11 10 9 8 7 6 5 4 3 2);
            },
            // SAFETY: as above.
            Kind::Avx2 => unsafe {
                return match self.wanted.len() {
                    6.. => x86::avx2::<6, STRIDE>(self),
                    3.. => x86::avx2::<3, STRIDE>(self),
                    _ => x86::avx2::<1, STRIDE>(self),
                };
            },
            Kind::Portable => {}
        }
        let _ = set;
        self.portable::<STRIDE>()
    }

    fn portable<const STRIDE: usize>(self) -> usize {
        let row = self.wanted[0] as usize;
        let mut sums = [0.0; PANEL];
        sums.copy_from_slice(self.bias);
        for (factor, values) in self.left[row * STRIDE..].iter().zip(self.panel.as_chunks::<PANEL>().0) {
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum = factor.mul_add(*value, *sum);
            }
        }
        let out = &mut self.out[row * self.out_stride..][..PANEL];
        out.copy_from_slice(&sums);
        if let Some(residual) = self.residual {
            residual.apply(row, out);
        }
        1
    }
}

#[cfg(target_arch = "x86_64")]
#[allow(clippy::wildcard_imports, reason = "the instructions' names say where they are from")]
#[expect(clippy::needless_pass_by_value, reason = "a tile is made for one call")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{PANEL, Tile};

    /// Numbers between what is read of a panel and what is asked for.
    const AHEAD: usize = 256;

    /// The rows on the left.
    ///
    /// # Safety
    /// `ROWS` rows are wanted, and `left` has them, `STRIDE` apart.
    #[inline(always)]
    unsafe fn rows<const ROWS: usize, const STRIDE: usize>(tile: &Tile<'_>) -> [*const f32; ROWS] {
        // SAFETY: by the contract of this function.
        std::array::from_fn(|row| unsafe { tile.left.as_ptr().add(*tile.wanted.get_unchecked(row) as usize * STRIDE) })
    }

    /// # Safety
    /// `ROWS` rows are wanted; `left` has them with the panel's height, `STRIDE` apart, and `out` rows of these numbers
    /// and a panel's width.
    #[target_feature(enable = "avx512f")]
    pub unsafe fn avx512<const ROWS: usize, const STRIDE: usize>(tile: Tile<'_>) -> usize {
        let panel = tile.panel.as_ptr();
        // SAFETY: by the contract of this function.
        unsafe {
            let left = rows::<ROWS, STRIDE>(&tile);
            let bias = [_mm512_loadu_ps(tile.bias.as_ptr()), _mm512_loadu_ps(tile.bias.as_ptr().add(16))];
            let mut sums = [bias; ROWS];
            for at in 0..tile.panel.len() / PANEL {
                let low = _mm512_loadu_ps(panel.add(at * PANEL));
                let high = _mm512_loadu_ps(panel.add(at * PANEL + 16));
                // The panel of a branch is larger than the first cache.
                _mm_prefetch::<_MM_HINT_T0>(panel.wrapping_add(at * PANEL + AHEAD).cast());
                _mm_prefetch::<_MM_HINT_T0>(panel.wrapping_add(at * PANEL + AHEAD + 16).cast());
                for row in 0..ROWS {
                    let factor = _mm512_set1_ps(*left[row].add(at));
                    sums[row][0] = _mm512_fmadd_ps(factor, low, sums[row][0]);
                    sums[row][1] = _mm512_fmadd_ps(factor, high, sums[row][1]);
                }
            }
            let out = tile.out.as_mut_ptr();
            for (row, sums) in sums.iter().enumerate() {
                let number = *tile.wanted.get_unchecked(row) as usize;
                for (half, &sum) in sums.iter().enumerate() {
                    let mut value = sum;
                    if let Some(residual) = tile.residual {
                        let other = residual.rows.as_ptr().add(number * residual.stride + half * 16);
                        value = _mm512_add_ps(_mm512_max_ps(sum, _mm512_setzero_ps()), _mm512_loadu_ps(other));
                    }
                    _mm512_storeu_ps(out.add(number * tile.out_stride + half * 16), value);
                }
            }
        }
        ROWS
    }

    /// # Safety
    /// As for [`avx512`].
    #[target_feature(enable = "avx2,fma")]
    pub unsafe fn avx2<const ROWS: usize, const STRIDE: usize>(tile: Tile<'_>) -> usize {
        // SAFETY: by the contract of this function.
        let left = unsafe { rows::<ROWS, STRIDE>(&tile) };
        for first in (0..PANEL).step_by(16) {
            // SAFETY: by the contract of this function; `first` is the left or right half of the panel.
            unsafe {
                let panel = tile.panel.as_ptr().add(first);
                let bias = tile.bias.as_ptr().add(first);
                let mut sums = [[_mm256_loadu_ps(bias), _mm256_loadu_ps(bias.add(8))]; ROWS];
                for at in 0..tile.panel.len() / PANEL {
                    let low = _mm256_loadu_ps(panel.add(at * PANEL));
                    let high = _mm256_loadu_ps(panel.add(at * PANEL + 8));
                    for row in 0..ROWS {
                        let factor = _mm256_set1_ps(*left[row].add(at));
                        sums[row][0] = _mm256_fmadd_ps(factor, low, sums[row][0]);
                        sums[row][1] = _mm256_fmadd_ps(factor, high, sums[row][1]);
                    }
                }
                let out = tile.out.as_mut_ptr().add(first);
                for (row, sums) in sums.iter().enumerate() {
                    let number = *tile.wanted.get_unchecked(row) as usize;
                    for (half, &sum) in sums.iter().enumerate() {
                        let mut value = sum;
                        if let Some(residual) = tile.residual {
                            let other = residual.rows.as_ptr().add(number * residual.stride + first + half * 8);
                            value = _mm256_add_ps(_mm256_max_ps(sum, _mm256_setzero_ps()), _mm256_loadu_ps(other));
                        }
                        _mm256_storeu_ps(out.add(number * tile.out_stride + half * 8), value);
                    }
                }
            }
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
        fn each_set_gives_the_chain_of_the_definition(
            blocks in 1usize..4,
            pool in proptest::collection::vec(-2f32..2.0, 300), wanted in proptest::collection::vec(0u32..30, 0..30),
            zeros in (0usize..30, 0usize..30),
        ) {
            const STRIDE: usize = 24;
            let (inner, columns) = (STRIDE * blocks, 64);
            let value = |at: usize| pool[at * 7 % 300];
            let right: Vec<f32> = (0..inner * columns).map(value).collect();
            let bias: Vec<f32> = (0..columns).map(|at| value(at + 5)).collect();
            let mut left: Vec<f32> = (0..30 * STRIDE + inner).map(|at| value(at + 11)).collect();
            // Rows from a number on begin after some zeros that are left out.
            let (skipped, from) = (zeros.0.min(STRIDE), zeros.1);
            for row in left.chunks_exact_mut(STRIDE).skip(from) {
                row[..skipped].fill(0.0);
            }
            let (late, early): (Vec<u32>, Vec<u32>) = wanted.iter().partition(|&&row| row as usize >= from);
            let residual: Vec<f32> = (0..30 * columns).map(|at| value(at + 3)).collect();
            let matrix = MatrixF32::new(&right, columns, &bias);
            for set in InstructionSet::current().and_plainer() {
                let mut out = vec![7.0; 30 * 70];
                let residual_rows = Some(Residual { rows: &residual, stride: columns });
                let parts = [(&late, skipped..inner), (&early, 0..inner)].map(|(rows, inner)| Part { rows, inner });
                matrix.multiply_parts::<STRIDE>(set, &left, &parts, &mut out, 70, residual_rows);
                for row in 0..30 {
                    if !wanted.contains(&(row as u32)) {
                        prop_assert!(out[row * 70..][..70].iter().all(|value| value.to_bits() == 7f32.to_bits()));
                        continue;
                    }
                    for column in 0..columns {
                        let sum = (0..inner).fold(bias[column], |sum, at| {
                            left[row * STRIDE + at].mul_add(right[at * columns + column], sum)
                        });
                        let wanted = if sum > 0.0 { sum } else { 0.0 } + residual[row * columns + column];
                        prop_assert_eq!(out[row * 70 + column].to_bits(), wanted.to_bits(), "{:?}", set);
                    }
                }
            }
        }
    }
}
