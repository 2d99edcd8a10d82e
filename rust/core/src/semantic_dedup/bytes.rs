//! Vectors in bytes, each row with its own scale and a bound of what rounding can take from a product.

use std::ops::Range;

use rayon::prelude::*;

use super::tile::{Kernel, LEFT, PANEL, PANELS, RIGHT, Tile};
use super::vectors::Vectors;
use crate::dispatch;
use crate::memory::{prefetch_slice, zeroed};
use crate::progress::{Cancelled, Progress};

/// Rows that one task brings into bytes.
const ROWS_PER_TASK: usize = 256;
/// Rows on the left that stay in the second-level cache while all panels pass.
const LEFT_ROWS: usize = 256;

/// Rows of signed bytes.
#[derive(Debug, Default)]
pub struct Bytes {
    width: usize,
    values: Vec<u8>,
    scales: Vec<f32>,
    allowances: Vec<f32>,
    offsets: Vec<i32>,
}

/// What belongs to a row of [`Bytes`] beside its values.
struct Row {
    scale: f32,
    allowance: f32,
    offset: i32,
}

/// Bytes of a row of `components`.
#[must_use]
pub fn width(components: usize) -> usize {
    components.next_multiple_of(4)
}

/// What rounding can take from the product of two vectors of so many components, for each of them.
#[must_use]
pub fn slack(components: usize) -> f32 {
    2e-6 + components as f32 * 4e-9
}

impl Bytes {
    /// Brings vectors into bytes.
    ///
    /// # Errors
    /// [`Cancelled`], if `progress` says so.
    pub fn of(vectors: Vectors<'_>, progress: &Progress) -> Result<Self, Cancelled> {
        let components = vectors.dimensions();
        Self::made(vectors.len(), components, slack(components), progress, |rows, take| {
            for row in rows {
                take(vectors.row(row));
            }
        })
    }

    /// Brings rows of so many components into bytes: `make` hands over those of a range, in order. `slack` is what a
    /// product may lack beside what is lost here.
    ///
    /// # Errors
    /// [`Cancelled`], if `progress` says so.
    pub fn made(
        rows: usize,
        components: usize,
        slack: f32,
        progress: &Progress,
        make: impl Fn(Range<u32>, &mut dyn FnMut(&[f32])) + Sync,
    ) -> Result<Self, Cancelled> {
        let width = width(components);
        let mut bytes = Self {
            width,
            values: zeroed(rows * width),
            scales: vec![0.0; rows],
            allowances: vec![0.0; rows],
            offsets: vec![0; rows],
        };
        bytes
            .values
            .par_chunks_mut(width * ROWS_PER_TASK)
            .zip(bytes.scales.par_chunks_mut(ROWS_PER_TASK))
            .zip(bytes.allowances.par_chunks_mut(ROWS_PER_TASK))
            .zip(bytes.offsets.par_chunks_mut(ROWS_PER_TASK))
            .enumerate()
            .try_for_each(|(task, (((values, scales), allowances), offsets))| {
                progress.check()?;
                let first = (task * ROWS_PER_TASK) as u32;
                let mut at = 0;
                make(first..first + scales.len() as u32, &mut |vector| {
                    let row = round(vector, &mut values[at * width..][..width], slack);
                    (scales[at], allowances[at], offsets[at]) = (row.scale, row.allowance, row.offset);
                    at += 1;
                });
                Ok(())
            })?;
        Ok(bytes)
    }

    /// Whether the row is zero, and so like no other.
    #[must_use]
    pub fn is_zero(&self, row: u32) -> bool {
        self.scales[row as usize] == 0.0
    }

    /// What rounding can take from a product of this row, beside the other row's part.
    #[must_use]
    pub fn allowance(&self, row: u32) -> f32 {
        self.allowances[row as usize]
    }

    /// Whether the bytes of two rows are so near that their product may reach `floor`.
    #[must_use]
    #[inline]
    pub fn may_reach(&self, floor: f32, one: u32, other: u32) -> bool {
        let (left, right) = (one as usize, other as usize);
        let product = product(self.row(one), self.row(other));
        let value = value(product, self.scales[left], self.scales[right], self.allowances[right]);
        value >= floor - self.allowances[left]
    }

    /// Asks for a row to be fetched.
    #[inline]
    pub fn prefetch(&self, row: u32) {
        prefetch_slice(self.row(row));
    }

    fn row(&self, row: u32) -> &[u8] {
        &self.values[row as usize * self.width..][..self.width]
    }
}

dispatch!(
    /// The product of two rows.
    fn product(one: &[u8], other: &[u8]) -> i32 = product_body
);

#[inline(always)]
fn product_body(one: &[u8], other: &[u8]) -> i32 {
    let signed = |byte: &u8| i16::from(byte.cast_signed());
    one.iter().zip(other).map(|(x, y)| i32::from(signed(x) * signed(y))).sum()
}

dispatch!(
    /// Rounds a vector of a norm of at most about one to bytes of at most 127 times a scale.
    ///
    /// With x = x' + e and y = y' + f, x·y ≤ x'·y' + |e||y| + |x'||f|, and |x'| ≤ |x| + |e|. So a product of bytes
    /// plus both allowances, each 1.001 |e| + |e|²/2 and a little for the rounding of the products themselves, is
    /// never below the product of the vectors.
    fn round(vector: &[f32], bytes: &mut [u8], slack: f32) -> Row = round_body
);

#[inline(always)]
fn round_body(vector: &[f32], bytes: &mut [u8], slack: f32) -> Row {
    let largest = vector.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let scale = largest / 127.0;
    let inverse = 127.0 / largest;
    if scale == 0.0 || !inverse.is_finite() {
        bytes.fill(0);
        return Row { scale: 0.0, allowance: f32::NEG_INFINITY, offset: 0 };
    }
    let mut lanes = [0.0_f32; 16];
    let mut sums = [0_i32; 16];
    for (values, bytes) in vector.chunks(16).zip(bytes.chunks_mut(16)) {
        for (((value, byte), lane), sum) in values.iter().zip(bytes).zip(&mut lanes).zip(&mut sums) {
            let rounded = (value * inverse).round_ties_even().clamp(-127.0, 127.0);
            let lost = value - rounded * scale;
            *lane += lost * lost;
            *sum += rounded as i32;
            *byte = (rounded as i8).cast_unsigned();
        }
    }
    let lost = (lanes.iter().sum::<f32>() * 1.0001).sqrt();
    let allowance = 1.001 * lost + 0.5 * lost * lost + slack;
    Row { scale, allowance, offset: 128 * sums.iter().sum::<i32>() }
}

/// Rows laid out for the right side of tiles.
#[derive(Debug, Default)]
pub struct Panels {
    width: usize,
    rows: usize,
    values: Vec<u8>,
    scales: Vec<f32>,
    allowances: Vec<f32>,
}

impl Panels {
    /// Lays out the named rows.
    pub fn new(bytes: &Bytes, rows: &[u32]) -> Self {
        let mut panels = Self::default();
        panels.fill(bytes, rows);
        panels
    }

    /// Lays out the named rows, without allowances.
    pub fn exact(bytes: &Bytes, rows: &[u32]) -> Self {
        let mut panels = Self::new(bytes, rows);
        panels.allowances[..rows.len()].fill(0.0);
        panels
    }

    /// Lays out the named rows, instead of what was there.
    pub fn fill(&mut self, bytes: &Bytes, rows: &[u32]) {
        let width = bytes.width;
        let panels = rows.len().div_ceil(PANEL);
        // Rounded up to whole tiles, so that a tile of scales can always be read.
        let padded = rows.len().next_multiple_of(RIGHT);
        self.width = width;
        self.rows = rows.len();
        self.values.resize(panels * PANEL * width, 128);
        self.scales.clear();
        self.scales.extend(rows.iter().map(|&row| bytes.scales[row as usize]));
        self.scales.resize(padded, 0.0);
        self.allowances.clear();
        self.allowances.extend(rows.iter().map(|&row| bytes.allowances[row as usize]));
        self.allowances.resize(padded, f32::NEG_INFINITY);
        for (panel, rows) in self.values.chunks_exact_mut(PANEL * width).zip(rows.chunks(PANEL)) {
            for (lane, &row) in rows.iter().enumerate() {
                let steps = panel.as_chunks_mut::<{ 4 * PANEL }>().0;
                for (step, four) in steps.iter_mut().zip(bytes.row(row).as_chunks::<4>().0) {
                    step[4 * lane..4 * lane + 4].copy_from_slice(&four.map(|byte| byte ^ 128));
                }
            }
        }
    }
}

/// What is looked for in tiles.
pub trait Look {
    /// The least value of interest to the row at `left` of the list on the left.
    fn limit(&self, left: usize) -> f32;
    /// A value of interest, of the row at `left` with the one at `right` in the panels.
    fn found(&mut self, left: usize, right: usize, value: f32);
}

/// Rows on the left of a tile, with what does not change from tile to tile.
struct Group<'a> {
    rows: [&'a [u8]; LEFT],
    offsets: [i32; LEFT],
    scales: [f32; LEFT],
    /// The least value of interest, of which nothing is where there is no row.
    limits: [f32; LEFT],
}

impl<'a> Group<'a> {
    /// One to eight rows; `first` is the place of the first.
    fn new(bytes: &'a Bytes, rows: &[u32], scaled: bool, first: usize, look: &impl Look) -> Self {
        let row = |at: usize| rows.get(at).or(rows.first()).map_or(0, |&row| row);
        let scale = |at: usize| if scaled { bytes.scales[row(at) as usize] } else { 1.0 };
        Self {
            rows: std::array::from_fn(|at| bytes.row(row(at))),
            offsets: std::array::from_fn(|at| bytes.offsets[row(at) as usize]),
            scales: std::array::from_fn(scale),
            limits: std::array::from_fn(|at| if at < rows.len() { look.limit(first + at) } else { f32::INFINITY }),
        }
    }
}

/// Shows `look` the values of all rows of `left` with all of `panels` that reach the limit.
///
/// A value is product times both scales, in that order, plus the allowance of the row on the right. For each row on
/// the left they come in the order of the panels. `scaled` says whether the left scale counts. A limit may change only
/// when a value of its row is found.
pub fn sweep(kernel: Kernel, bytes: &Bytes, left: &[u32], scaled: bool, panels: &Panels, look: &mut impl Look) {
    let width = panels.width;
    let mut tile = [[0; RIGHT]; LEFT];
    let mut groups = Vec::with_capacity(LEFT_ROWS / LEFT);
    for (part, rows) in left.chunks(LEFT_ROWS).enumerate() {
        groups.clear();
        for (group, rows) in rows.chunks(LEFT).enumerate() {
            let first = part * LEFT_ROWS + group * LEFT;
            groups.push(Group::new(bytes, rows, scaled, first, look));
        }
        for (at, values) in panels.values.chunks(PANELS * PANEL * width.max(1)).enumerate() {
            let first_right = at * RIGHT;
            let right_scales: &[f32; RIGHT] = panels.scales[first_right..].first_chunk().unwrap_or(&[0.0; RIGHT]);
            let allowances = panels.allowances[first_right..].first_chunk().unwrap_or(&[f32::NEG_INFINITY; RIGHT]);
            for (number, group) in groups.iter_mut().enumerate() {
                let first_left = part * LEFT_ROWS + number * LEFT;
                if at == 0 {
                    for &row in left.iter().skip(first_left + 2 * LEFT).take(LEFT) {
                        prefetch_slice(bytes.row(row));
                    }
                }
                kernel.multiply(&group.rows, &group.offsets, values, width, &mut tile);
                let reached = reach(&tile, &group.scales, &group.limits, right_scales, allowances);
                for (at, mut reached) in reached.into_iter().enumerate() {
                    while reached != 0 {
                        let right = reached.trailing_zeros() as usize;
                        reached &= reached - 1;
                        let value = value(tile[at][right], group.scales[at], right_scales[right], allowances[right]);
                        if first_right + right < panels.rows && value >= group.limits[at] {
                            look.found(first_left + at, first_right + right, value);
                            group.limits[at] = look.limit(first_left + at);
                        }
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn value(product: i32, left_scale: f32, right_scale: f32, allowance: f32) -> f32 {
    product as f32 * (left_scale * right_scale) + allowance
}

dispatch!(
    /// For each row on the left, a bit for each value that reaches its limit.
    fn reach(
        tile: &Tile,
        left_scales: &[f32; LEFT],
        limits: &[f32; LEFT],
        scales: &[f32; RIGHT],
        allowances: &[f32; RIGHT],
    ) -> [u64; LEFT] = reach_body
);

#[inline(always)]
fn reach_body(
    tile: &Tile,
    left_scales: &[f32; LEFT],
    limits: &[f32; LEFT],
    scales: &[f32; RIGHT],
    allowances: &[f32; RIGHT],
) -> [u64; LEFT] {
    let mut reached = [0; LEFT];
    for at in 0..LEFT {
        let is_near =
            |right: usize| value(tile[at][right], left_scales[at], scales[right], allowances[right]) >= limits[at];
        // Most rows reach nothing: that is found out without a branch for each value.
        if (0..RIGHT).fold(0, |any, right| any | i32::from(is_near(right))) != 0 {
            reached[at] = (0..RIGHT).fold(0, |bits, right| bits | u64::from(is_near(right)) << right);
        }
    }
    reached
}
