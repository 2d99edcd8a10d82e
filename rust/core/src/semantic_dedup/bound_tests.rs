#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::dispatch::{Level, force};
use crate::semantic_dedup::bound::WIDTHS;

#[path = "../../tests/draw/mod.rs"]
mod draw;

use draw::Draw;

/// What vectors look like.
#[derive(Clone, Copy, Debug)]
struct Kind {
    dimensions: usize,
    /// Dimensions of the space in which they lie.
    rank: usize,
    /// Component k of that space is so much smaller: k to this power.
    decay: f32,
    centres: usize,
    noise: f32,
}

/// Rows around centres in a space that, if it is smaller, lies somewhere among all dimensions; every 37th is zero, every 11th repeats the
/// one before, every 13th is its opposite.
fn rows(count: usize, kind: Kind, seed: u64) -> Vec<f32> {
    let Kind { dimensions, rank, decay, centres, noise } = kind;
    let mut draw = Draw(seed);
    let weights: Vec<f32> = (1..=rank).map(|k| (k as f32).powf(-decay)).collect();
    let space: Vec<Vec<f32>> = (0..rank).map(|_| (0..dimensions).map(|_| draw.normal()).collect()).collect();
    let mut inner = || weights.iter().map(|weight| weight * draw.normal()).collect::<Vec<f32>>();
    let centres: Vec<Vec<f32>> = (0..centres).map(|_| inner()).collect();
    let mut values: Vec<f32> = Vec::with_capacity(count * dimensions);
    for row in 0..count {
        let before = values.len() - dimensions * usize::from(row > 0);
        if row % 37 == 36 {
            values.extend(std::iter::repeat_n(0.0, dimensions));
        } else if row % 11 == 10 {
            values.extend_from_within(before..);
        } else if row % 13 == 12 {
            let opposite: Vec<f32> = values[before..].iter().map(|x| 0.0 - x).collect();
            values.extend(opposite);
        } else {
            let own: Vec<f32> =
                centres[row * 7 % centres.len()].iter().zip(inner()).map(|(x, y)| x + noise * y).collect();
            let mut vector: Vec<f64> = own.iter().map(|&x| f64::from(x)).collect();
            if rank < dimensions {
                vector = vec![0.0; dimensions];
                for (share, axis) in own.iter().zip(&space) {
                    vector.iter_mut().zip(axis).for_each(|(x, y)| *x += f64::from(share * y));
                }
            }
            let norm = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
            values.extend(vector.iter().map(|x| (x / norm) as f32));
        }
    }
    values
}

/// Kept row and bits of the similarity, by looking at all pairs.
fn reference(vectors: Vectors<'_>, threshold: f32) -> (Vec<u32>, Vec<u32>) {
    let rows = vectors.len() as u32;
    let is_zero = |row: u32| vectors.row(row).iter().all(|&x| x == 0.0);
    let (mut kept_row, mut similarity) = (vec![KEPT; rows as usize], vec![0.0_f32; rows as usize]);
    for row in (0..rows).filter(|&row| !is_zero(row)) {
        let mut best = None;
        for other in (0..row).filter(|&other| kept_row[other as usize] == KEPT && !is_zero(other)) {
            let cosine = cosine(vectors.row(row), vectors.row(other));
            if cosine >= threshold && best.is_none_or(|(nearest, _)| cosine > nearest) {
                best = Some((cosine, other));
            }
        }
        if let Some((cosine, other)) = best {
            (kept_row[row as usize], similarity[row as usize]) = (other, cosine);
        }
    }
    (kept_row, similarity.into_iter().map(f32::to_bits).collect())
}

fn search(vectors: Vectors<'_>, threshold: f32, means: Means) -> Search<'_> {
    let settings = Settings { mode: Mode::Exact, ..Settings::new(threshold, 0.0) };
    Search::with(vectors, settings, &means, &Progress::default()).unwrap()
}

fn decided(vectors: Vectors<'_>, threshold: f32, means: Means) -> (Vec<u32>, Vec<u32>, Statistics) {
    let search = search(vectors, threshold, means);
    let decided = search.decide(&AtLeast(threshold), &Progress::default()).unwrap();
    (decided.kept_row, decided.similarity.into_iter().map(f32::to_bits).collect(), decided.statistics)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn a_bound_changes_no_decision(
        count in 0_usize..220, dimensions in prop::sample::select(vec![1, 2, 3, 17, 64, 65, 129, 300, 512]),
        rank in prop::sample::select(vec![1, 2, 5, 40, 70, 512]), decay in prop::sample::select(vec![0.0, 0.6, 1.5]),
        centres in 1_usize..60, noise in prop::sample::select(vec![0.0, 0.05, 0.3, 0.6, 1.2]),
        threshold in prop::sample::select(vec![-1.0, -0.999, 0.0, 0.3, 0.7, 0.85, 0.95, 0.9999, 1.0]),
        width in prop::sample::select(WIDTHS.to_vec()), seed in any::<u64>(),
    ) {
        let kind = Kind { dimensions, rank: rank.min(dimensions), decay, centres, noise };
        let values = rows(count, kind, seed);
        let vectors = Vectors::new(&values, dimensions).unwrap();
        let means = Means { choice: Choice::Width(width), ..Means::in_use() };
        let without = decided(vectors, threshold, Means { choice: Choice::None, ..means });
        let (kept_row, similarity, statistics) = decided(vectors, threshold, means);
        prop_assert_eq!(&(kept_row, similarity), &reference(vectors, threshold));
        // A bound may rule out what whole bytes would let through.
        prop_assert!(statistics.candidates <= without.2.candidates);
        prop_assert_eq!(Statistics { candidates: 0, ..statistics }, Statistics { candidates: 0, ..without.2 });
    }
}

/// Vectors such as those of texts: axes show much of them, not all.
fn like_texts(count: usize) -> Vec<f32> {
    rows(count, Kind { dimensions: 512, rank: 512, decay: 0.35, centres: count / 6, noise: 0.45 }, 5)
}

#[test]
fn no_short_product_is_below_the_cosine() {
    let values = like_texts(700);
    let vectors = Vectors::new(&values, 512).unwrap();
    for width in WIDTHS {
        let means = Means { choice: Choice::Width(width), ..Means::in_use() };
        let space = search(vectors, 0.5, means).space;
        let bound = space.bound.unwrap();
        let rows: Vec<u32> = (0..700).filter(|&row| !space.bytes.is_zero(row)).collect();
        let mut near = 0;
        for &one in &rows {
            for &other in &rows {
                let cosine = cosine(vectors.row(one), vectors.row(other));
                assert!(bound.may_reach(cosine, one, other), "{width}: {one} {other} {cosine}");
                near += usize::from(!bound.may_reach(cosine + 0.5, one, other));
            }
        }
        // It is a bound, but a near one.
        assert!(near > rows.len().pow(2) / 2, "{width}: {near}");
    }
}

#[test]
fn a_bound_loses_no_pair_that_meets_in_a_cluster() {
    let values = like_texts(3_000);
    let vectors = Vectors::new(&values, 512).unwrap();
    let settings = Settings { exact_below: 0, ..Settings::new(0.8, 0.0) };
    let run = |choice| {
        let means = Means { choice, ..Means::in_use() };
        let search = Search::with(vectors, settings.clone(), &means, &Progress::default()).unwrap();
        let decided = search.decide(&AtLeast(0.8), &Progress::default()).unwrap();
        let Statistics { pairs, judged, removed, .. } = decided.statistics;
        let recall = search.recall(300, 1, &Progress::default()).unwrap();
        (decided.kept_row, decided.similarity, pairs, judged, removed, recall)
    };
    let expected = run(Choice::None);
    assert!(expected.4 > 200, "{}", expected.4);
    for width in WIDTHS {
        assert!(expected == run(Choice::Width(width)), "{width}");
    }
}

#[test]
fn threads_and_instructions_change_no_bound() {
    let values = like_texts(17_000);
    let vectors = Vectors::new(&values, 512).unwrap();
    let fastest = Means::in_use();
    let run = |means| {
        let search = search(vectors, 0.85, means);
        let decided = search.decide(&AtLeast(0.85), &Progress::default()).unwrap();
        (format!("{:?}", search.space.bound), decided)
    };
    let expected = run(fastest);
    assert!(expected.0.starts_with("Some"), "no bound was chosen");
    assert!(expected.1.statistics.removed > 1_000, "{:?}", expected.1.statistics);
    let without = run(Means { choice: Choice::None, ..fastest }).1;
    assert_eq!((&expected.1.kept_row, &expected.1.similarity), (&without.kept_row, &without.similarity));
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert!(expected == pool.install(|| run(fastest)), "{threads}");
    }
    let vectors = Vectors::new(&values[..2_000 * 512], 512).unwrap();
    let run = |means| {
        let search = search(vectors, 0.85, means);
        let decided = search.decide(&AtLeast(0.85), &Progress::default()).unwrap();
        (format!("{:?}", search.space.bound), decided)
    };
    let expected = run(Means { choice: Choice::Width(64), ..fastest });
    for kernel in Kernel::available() {
        let means = Means { kernel, fused: Fused::Portable, choice: Choice::Width(64) };
        assert!(expected == run(means), "{kernel:?}");
    }
    for level in Level::ALL {
        if force(Some(level)).is_ok() {
            assert!(
                expected == run(Means { kernel: Kernel::Portable, choice: Choice::Width(64), ..fastest }),
                "{level:?}"
            );
        }
    }
    force(None).unwrap();
}
