#![allow(clippy::unwrap_used)]

use super::*;

fn draw(state: &mut u64) -> f32 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 40) as f32 / (1 << 23) as f32 - 1.0
}

/// Rows around centres; no two alike.
fn rows(count: usize, dimensions: usize, members: usize, noise: f32) -> Vec<f32> {
    let mut state = 11;
    let centres: Vec<f32> = (0..count.div_ceil(members) * dimensions).map(|_| draw(&mut state)).collect();
    let mut values = Vec::new();
    for row in 0..count {
        let centre = &centres[row * 31 % count.div_ceil(members) * dimensions..][..dimensions];
        let vector: Vec<f32> = centre.iter().map(|x| x + noise * draw(&mut state)).collect();
        let norm = vector.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
        values.extend(vector.iter().map(|x| (f64::from(*x) / norm) as f32));
    }
    values
}

fn in_pool<T: Send>(threads: usize, run: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(run)
}

fn clustered(threshold: f32) -> Settings {
    Settings { exact_below: 0, ..Settings::new(threshold, 0.0) }
}

#[test]
fn threads_and_instructions_change_nothing() {
    let values = rows(7_000, 70, 5, 0.55);
    let vectors = Vectors::new(&values, 70).unwrap();
    let progress = Progress::default();
    for settings in [clustered(0.8), Settings { mode: Mode::Exact, ..Settings::new(0.8, 0.0) }] {
        let decide = |kernel, fused| {
            let means = Means { kernel, fused, choice: Choice::Fastest };
            let search = Search::with(vectors, settings.clone(), &means, &progress).unwrap();
            (search.decide(&AtLeast(0.8), &progress).unwrap(), search.recall(200, 3, &progress).unwrap())
        };
        let expected = in_pool(1, || decide(Kernel::Portable, Fused::Portable));
        assert!(expected.0.statistics.removed > 500, "{:?}", expected.0.statistics);
        for kernel in Kernel::available() {
            assert_eq!(expected, in_pool(2, || decide(kernel, Fused::in_use())), "{kernel:?}");
        }
        for threads in [1, 2, 4] {
            assert_eq!(expected, in_pool(threads, || decide(Kernel::in_use(), Fused::in_use())), "{threads}");
        }
    }
}

#[test]
fn clusters_find_almost_all_and_recall_says_how_many() {
    let values = rows(20_000, 64, 4, 0.38);
    let vectors = Vectors::new(&values, 64).unwrap();
    let progress = Progress::default();
    let search = Search::new(vectors, clustered(0.85), &progress).unwrap();
    let recall = search.recall(1_000, 9, &progress).unwrap();
    assert!(recall.pairs > 1_000 && recall.rate().unwrap() >= 0.99, "{recall:?}");

    let sampled = sample(vectors, 1_000, 9, &progress).unwrap();
    let there_are: u64 = sampled
        .iter()
        .map(|&row| {
            let others = (0..20_000).filter(|&other| other != row);
            others.filter(|&other| cosine(vectors.row(row), vectors.row(other)) >= 0.85).count() as u64
        })
        .sum();
    assert_eq!(recall.pairs, there_are);
    let exact = Search::new(vectors, Settings::new(0.85, 0.0), &progress).unwrap();
    assert_eq!(exact.recall(1_000, 9, &progress).unwrap().found, there_are);
}

#[test]
fn the_order_of_rows_changes_no_cluster() {
    let values = rows(5_000, 32, 4, 0.5);
    let vectors = Vectors::new(&values, 32).unwrap();
    let turned: Vec<f32> = (0..5_000).rev().flat_map(|row| vectors.row(row)).copied().collect();
    let turned = Vectors::new(&turned, 32).unwrap();
    let progress = Progress::default();
    let [one, other] = [vectors, turned]
        .map(|vectors| Search::new(vectors, clustered(0.85), &progress).unwrap().space.clusters.unwrap());
    for row in 0..5_000 {
        assert_eq!(one.of(row), other.of(4_999 - row));
    }
}

#[test]
fn candidates_of_another_engine_give_the_same_decisions() {
    let values = rows(3_000, 48, 6, 0.5);
    let vectors = Vectors::new(&values, 48).unwrap();
    let progress = Progress::default();
    let settings = Settings { mode: Mode::Exact, ..Settings::new(0.85, 0.01) };
    let judge = AtLeast(0.85);
    let expected = decide(vectors, settings.clone(), &judge, &progress).unwrap();
    let mut blocks = Decider::new(vectors, &settings).unwrap();
    for first in (0..3_000).step_by(700) {
        let end = (first + 700).min(3_000);
        let (mut later, mut earlier) = (Vec::new(), Vec::new());
        for row in (first..end).rev() {
            for other in (0..row).filter(|&other| cosine(vectors.row(row), vectors.row(other)) > 0.8) {
                later.extend([row, row]);
                earlier.extend([other, other]);
            }
        }
        blocks.decide(end, &later, &earlier, &judge, &progress).unwrap();
    }
    let wrong = blocks.decide(3_000, &[5], &[1], &judge, &progress);
    assert!(matches!(wrong, Err(SearchError::Candidate { later: 5, .. })), "{wrong:?}");
    let decided = blocks.finish();
    assert!(decided.statistics.removed > 300);
    assert_eq!((decided.kept_row, decided.similarity), (expected.kept_row, expected.similarity));
}

#[test]
fn too_many_pairs_at_once_are_divided() {
    // 40 groups, one after the other, of 1,000 rows that are all alike: 20 million pairs in all.
    let heads = rows(40, 16, 1, 0.0);
    let values: Vec<f32> = heads.chunks(16).flat_map(|head| head.repeat(1_000)).collect();
    let vectors = Vectors::new(&values, 16).unwrap();
    for settings in [clustered(0.999), Settings::new(0.999, 0.0)] {
        let decided = decide(vectors, settings, &AtLeast(0.999), &Progress::default()).unwrap();
        for (row, &kept) in decided.kept_row.iter().enumerate() {
            let head = row as u32 / 1_000 * 1_000;
            assert_eq!(kept, if row as u32 == head { KEPT } else { head });
        }
    }
}

#[test]
fn no_rows_and_rows_of_zeros_are_kept() {
    for (values, dimensions) in [(vec![], 7), (vec![0.0; 70], 7), (vec![1.0], 1)] {
        let vectors = Vectors::new(&values, dimensions).unwrap();
        for settings in [clustered(-1.0), Settings::new(-1.0, 0.0)] {
            assert!(memory_needed(vectors.len(), dimensions, &settings) < 1 << 30);
            let search = Search::new(vectors, settings, &Progress::default()).unwrap();
            let decided = search.decide(&AtLeast(-1.0), &Progress::default()).unwrap();
            assert_eq!(decided.kept_row, vec![KEPT; vectors.len()]);
            assert_eq!(search.recall(10, 0, &Progress::default()).unwrap().rate(), None);
        }
    }
}
