//! The product of two vectors that alone decides, with the same bits on every processor.
//!
//! Component `16 k + l` is added to lane `l` by a fused multiply-add, in the order of `k`; then the sixteen lanes are
//! folded in halves. No instruction set changes this order, so none changes a bit.

use crate::dispatch::{Level, level};

/// Sums that run side by side.
const LANES: usize = 16;

/// How the product is computed on this processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
pub enum Fused {
    /// A fused multiply-add per component, by the standard library.
    Portable,
    /// AVX2 and FMA.
    Avx2,
    /// AVX-512 F.
    Avx512,
}

impl Fused {
    /// The fastest way at the level in use.
    #[must_use]
    pub fn in_use() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            match level() {
                Level::Avx512 => return Self::Avx512,
                Level::Avx2 if is_x86_feature_detected!("fma") => return Self::Avx2,
                _ => {}
            }
        }
        let _ = (level, Level::Baseline);
        Self::Portable
    }

    /// The cosine of two normalised vectors of equal length: their product, brought into -1 to 1.
    #[must_use]
    #[inline]
    pub fn cosine(self, x: &[f32], y: &[f32]) -> f32 {
        let length = x.len().min(y.len());
        let (x, y) = (&x[..length], &y[..length]);
        let lanes = match self {
            // SAFETY: `in_use` gives these only where the processor has the instructions.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => unsafe { avx512(x, y) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => unsafe { avx2(x, y) },
            _ => portable(x, y),
        };
        // A zero has one sign, so that equal cosines have equal bits.
        fold(lanes).clamp(-1.0, 1.0) + 0.0
    }
}

#[inline(always)]
fn fold(mut lanes: [f32; LANES]) -> f32 {
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
        half /= 2;
    }
    lanes[0]
}

/// Adds the components that fill no whole step.
#[inline(always)]
fn add_rest(lanes: &mut [f32; LANES], x: &[f32], y: &[f32]) {
    for ((lane, &x), &y) in lanes.iter_mut().zip(x).zip(y) {
        *lane = x.mul_add(y, *lane);
    }
}

fn portable(x: &[f32], y: &[f32]) -> [f32; LANES] {
    let mut lanes = [0.0; LANES];
    for (x, y) in x.chunks(LANES).zip(y.chunks(LANES)) {
        add_rest(&mut lanes, x, y);
    }
    lanes
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2(x: &[f32], y: &[f32]) -> [f32; LANES] {
    use std::arch::x86_64::{_mm256_fmadd_ps, _mm256_loadu_ps, _mm256_setzero_ps, _mm256_storeu_ps};
    let (mut low, mut high) = (_mm256_setzero_ps(), _mm256_setzero_ps());
    let (x_steps, x_rest) = x.as_chunks::<LANES>();
    let (y_steps, y_rest) = y.as_chunks::<LANES>();
    for (x, y) in x_steps.iter().zip(y_steps) {
        // SAFETY: both arrays have sixteen values.
        unsafe {
            low = _mm256_fmadd_ps(_mm256_loadu_ps(x.as_ptr()), _mm256_loadu_ps(y.as_ptr()), low);
            high = _mm256_fmadd_ps(_mm256_loadu_ps(x.as_ptr().add(8)), _mm256_loadu_ps(y.as_ptr().add(8)), high);
        }
    }
    let mut lanes = [0.0; LANES];
    // SAFETY: the array has sixteen values.
    unsafe {
        _mm256_storeu_ps(lanes.as_mut_ptr(), low);
        _mm256_storeu_ps(lanes.as_mut_ptr().add(8), high);
    }
    add_rest(&mut lanes, x_rest, y_rest);
    lanes
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx2,fma")]
fn avx512(x: &[f32], y: &[f32]) -> [f32; LANES] {
    use std::arch::x86_64::{_mm512_fmadd_ps, _mm512_loadu_ps, _mm512_setzero_ps, _mm512_storeu_ps};
    let mut sums = _mm512_setzero_ps();
    let (x_steps, x_rest) = x.as_chunks::<LANES>();
    let (y_steps, y_rest) = y.as_chunks::<LANES>();
    for (x, y) in x_steps.iter().zip(y_steps) {
        // SAFETY: both arrays have sixteen values.
        sums = unsafe { _mm512_fmadd_ps(_mm512_loadu_ps(x.as_ptr()), _mm512_loadu_ps(y.as_ptr()), sums) };
    }
    let mut lanes = [0.0; LANES];
    // SAFETY: the array has sixteen values.
    unsafe { _mm512_storeu_ps(lanes.as_mut_ptr(), sums) };
    add_rest(&mut lanes, x_rest, y_rest);
    lanes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_way_gives_the_same_bits(pairs in prop::collection::vec((-1.0_f32..1.0, -1.0_f32..1.0), 0..600)) {
            let (x, y): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            let scale = (x.len().max(1) as f32).sqrt().recip();
            let x: Vec<f32> = x.iter().map(|x| x * scale).collect();
            let y: Vec<f32> = y.iter().map(|y| y * scale).collect();
            let expected = Fused::Portable.cosine(&x, &y);
            prop_assert_eq!(expected.to_bits(), Fused::in_use().cosine(&x, &y).to_bits());
            #[cfg(target_arch = "x86_64")]
            if is_x86_feature_detected!("fma") && is_x86_feature_detected!("avx2") {
                prop_assert_eq!(expected.to_bits(), Fused::Avx2.cosine(&x, &y).to_bits());
            }
            let exact: f64 = x.iter().zip(&y).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum();
            prop_assert!((f64::from(expected) - exact).abs() < 1e-5);
        }
    }
}
