//! Decisions of the search against an obvious comparison of all rows.
#![allow(clippy::unwrap_used)]

use belle_core::progress::Progress;
use belle_core::semantic_dedup::{
    AtLeast, Decided, Judge, KEPT, Mode, Refusal, SearchError, Settings, Vectors, cosine, decide,
};
use proptest::prelude::*;

mod draw;

use draw::Draw;

fn normalise(vector: &mut [f32]) {
    let norm = vector.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    if norm > 0.0 {
        for x in vector {
            *x = (f64::from(*x) / norm) as f32;
        }
    }
}

/// Rows around centres, the nearer the smaller `noise`; every 37th is zero, every 11th repeats the one before.
fn rows(count: usize, dimensions: usize, centres: usize, noise: f32, seed: u64) -> Vec<f32> {
    let mut draw = Draw(seed);
    let centres: Vec<Vec<f32>> = (0..centres).map(|_| (0..dimensions).map(|_| draw.normal()).collect()).collect();
    let mut values: Vec<f32> = Vec::with_capacity(count * dimensions);
    for row in 0..count {
        if row % 37 == 36 {
            values.extend(std::iter::repeat_n(0.0, dimensions));
        } else if row % 11 == 10 {
            values.extend_from_within(values.len() - dimensions..);
        } else {
            let centre = &centres[draw.next() as usize % centres.len()];
            let mut vector: Vec<f32> = centre.iter().map(|x| x + noise * draw.normal()).collect();
            normalise(&mut vector);
            values.extend(vector);
        }
    }
    values
}

/// What the search must decide: kept row and bits of the similarity for every row.
fn reference(vectors: Vectors<'_>, settings: &Settings, judge: &impl Judge) -> (Vec<u32>, Vec<u32>) {
    let rows = vectors.len() as u32;
    let (floor, clear) = (settings.threshold - settings.margin, settings.threshold + settings.margin);
    let is_zero = |row: u32| vectors.row(row).iter().all(|&x| x == 0.0);
    let mut kept_row = vec![KEPT; rows as usize];
    let mut similarity = vec![0.0_f32; rows as usize];
    for row in (0..rows).filter(|&row| !is_zero(row)) {
        let mut near: Vec<(f32, u32)> = (0..row)
            .filter(|&other| kept_row[other as usize] == KEPT && !is_zero(other))
            .map(|other| (cosine(vectors.row(row), vectors.row(other)), other))
            .filter(|&(cosine, _)| cosine >= floor)
            .collect();
        near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let ask = |&(cosine, other): &(f32, u32)| judge.judge(row, other, cosine).ok().map(|sure| (sure, other));
        let found = near.iter().filter(|&&(cosine, _)| cosine >= clear).find_map(ask).or_else(|| {
            let unsure = near.iter().filter(|&&(cosine, _)| cosine < clear).filter_map(ask);
            unsure.min_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)))
        });
        if let Some((sure, other)) = found {
            (kept_row[row as usize], similarity[row as usize]) = (other, sure);
        }
    }
    (kept_row, similarity.into_iter().map(f32::to_bits).collect())
}

fn bits(decided: &Decided) -> (Vec<u32>, Vec<u32>) {
    (decided.kept_row.clone(), decided.similarity.iter().map(|x| x.to_bits()).collect())
}

/// Refuses some pairs, and is a little less or more sure than the cosine.
struct Moody {
    settings: Settings,
    refuses: u32,
}

impl Judge for Moody {
    fn judge(&self, later: u32, earlier: u32, cosine: f32) -> Result<f32, Refusal> {
        assert!(cosine >= self.settings.threshold - self.settings.margin && earlier < later);
        let mood = later.wrapping_mul(2_654_435_761).wrapping_add(earlier.wrapping_mul(40_503)) >> 7;
        if self.refuses > 0 && mood.is_multiple_of(self.refuses) {
            return Err(Refusal { similarity: cosine, why: 1 });
        }
        let shift = ((mood % 7) as f32 / 3.0 - 1.0) * self.settings.margin;
        let similarity = cosine + shift;
        if similarity >= self.settings.threshold { Ok(similarity) } else { Err(Refusal { similarity, why: 0 }) }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn every_pair_counts(
        count in 0_usize..260, dimensions in prop::sample::select(vec![1, 2, 3, 17, 64, 512]), centres in 1_usize..60,
        noise in 0.0_f32..1.2, threshold in prop::sample::select(vec![-1.0, 0.0, 0.3, 0.7, 0.85, 0.95, 1.0]),
        margin in prop::sample::select(vec![0.0, 0.005, 0.2]), refuses in 0_u32..4, seed in any::<u64>(),
    ) {
        let values = rows(count, dimensions, centres, noise, seed);
        let vectors = Vectors::new(&values, dimensions).unwrap();
        let settings = Settings { mode: Mode::Exact, ..Settings::new(threshold, margin) };
        let judge = Moody { settings: settings.clone(), refuses };
        let decided = decide(vectors, settings.clone(), &judge, &Progress::default()).unwrap();
        prop_assert_eq!(bits(&decided), reference(vectors, &settings, &judge));
    }
}

#[test]
fn long_inputs_are_decided_block_after_block() {
    let values = rows(9_000, 24, 500, 0.4, 5);
    let vectors = Vectors::new(&values, 24).unwrap();
    for (threshold, margin) in [(0.85, 0.0), (0.8, 0.03)] {
        let settings = Settings { mode: Mode::Exact, ..Settings::new(threshold, margin) };
        let judge = Moody { settings: settings.clone(), refuses: 5 };
        let decided = decide(vectors, settings.clone(), &judge, &Progress::default()).unwrap();
        assert_eq!(bits(&decided), reference(vectors, &settings, &judge));
        assert!(decided.statistics.removed > 1000, "{:?}", decided.statistics);
    }
}

#[test]
fn rows_that_are_all_alike_leave_one() {
    let values: Vec<f32> = rows(1, 64, 1, 0.0, 3).repeat(60_000);
    let vectors = Vectors::new(&values, 64).unwrap();
    for mode in [Mode::Exact, Mode::Clustered] {
        let settings = Settings { mode, exact_below: 0, ..Settings::new(0.99, 0.0) };
        let decided = decide(vectors, settings, &AtLeast(0.99), &Progress::default()).unwrap();
        assert_eq!(decided.kept_row[0], KEPT);
        assert!(decided.kept_row[1..].iter().all(|&kept| kept == 0));
        assert!(decided.statistics.products < 30_000_000, "{:?}", decided.statistics);
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let values = [1.0, 0.0, 0.6, 0.8];
    let vectors = Vectors::new(&values, 2).unwrap();
    let good = Settings::new(0.85, 0.0);
    let refused = [
        Settings { threshold: f32::NAN, ..good.clone() },
        Settings { threshold: 1.01, ..good.clone() },
        Settings { threshold: f32::NEG_INFINITY, ..good.clone() },
        Settings { margin: f32::NAN, ..good.clone() },
        Settings { margin: -0.1, ..good.clone() },
        Settings { clusters: Some(0), ..good.clone() },
        Settings { probes: 0, ..good.clone() },
        Settings { probes: 65, ..good.clone() },
    ];
    for settings in refused {
        let answer = decide(vectors, settings, &AtLeast(0.85), &Progress::default());
        assert!(matches!(answer, Err(SearchError::Setting { .. })), "{answer:?}");
    }
    for (values, dimensions) in [(&values[..], 0), (&values[..], 3), (&values[..], 4097)] {
        assert!(matches!(Vectors::new(values, dimensions), Err(SearchError::Shape { .. })));
    }
    for bad in [[1.0, 0.0, 0.5, 0.5], [1.0, 0.0, f32::NAN, 0.0], [0.0, 0.0, f32::INFINITY, 0.0]] {
        let answer = decide(Vectors::new(&bad, 2).unwrap(), good.clone(), &AtLeast(0.85), &Progress::default());
        assert!(matches!(answer, Err(SearchError::Norm { row: 1, .. })), "{answer:?}");
    }
    let progress = Progress::default();
    progress.cancel();
    assert!(matches!(decide(vectors, good, &AtLeast(0.85), &progress), Err(SearchError::Cancelled(_))));
}
