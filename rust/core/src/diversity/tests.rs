#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::cmp::Ordering;

use proptest::prelude::*;

use super::*;
use crate::batch::{Batch, Role, RowScratch, Rows, Turns};
use crate::near_dedup::shingle::mix;
use crate::words::RowWords;

struct Kept(Batch, Vec<u64>);

impl Rows for Kept {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn read<'a>(&'a self, row: u32, _: &'a mut RowScratch) -> (Turns<'a>, usize) {
        (self.0.view(), row as usize)
    }

    fn keep_order(&self, left: u32, right: u32) -> Ordering {
        self.1[left as usize].cmp(&self.1[right as usize]).then(left.cmp(&right))
    }
}

fn kept(rows: &[(String, String)]) -> Kept {
    let mut batch = Batch::default();
    for (asked, answer) in rows {
        let turns = [(Role::User as i8, asked.as_bytes()), (Role::Assistant as i8, answer.as_bytes())];
        batch.push_turns(turns.into_iter());
    }
    let hashes = batch.view().content_hashes();
    Kept(batch, hashes)
}

const WORDS: [&str; 24] = [
    "春天", "历史", "电影", "写", "诗歌", "巴黎", "机器", "学习", "健康", "饮食", "rust", "python", "北京", "音乐",
    "旅行", "足球", "数学", "化学", "经济", "市场", "星星", "月亮", "大海", "森林",
];

/// Rows of words of which the first are far more frequent.
fn drawn(count: usize, seed: u64) -> Vec<(String, String)> {
    let mut state = seed;
    let mut next = || {
        state = mix(state.wrapping_add(0x9e37_79b9_7f4a_7c15));
        state
    };
    let mut text = |most: u64| {
        let words = next() % most;
        (0..words)
            .map(|_| {
                let (left, right) = (next() % 24, next() % 24);
                // Four hundred rare words beside those of the list.
                if next() % 8 == 0 {
                    format!("word{}", next() % 400)
                } else {
                    WORDS[left.min(right) as usize].to_owned()
                }
            })
            .collect::<Vec<_>>()
            .join("，")
    };
    (0..count).map(|_| (text(8), text(30))).collect()
}

const PLAIN: Settings = Settings { prompt_weight: 2.0, length_normalisation: 0.5 };

fn features(words: &RowWords, settings: Settings, weights: Option<&[f64]>) -> Features {
    Features::new(words, settings, weights, &Progress::default()).unwrap().unwrap()
}

fn read(rows: &Kept) -> RowWords {
    RowWords::read(rows, None, &Progress::default()).unwrap()
}

fn greedy(features: &Features, words: &RowWords, target: usize) -> Choice {
    Choice::greedy(features, words.order(), target, &Progress::default()).unwrap()
}

/// Looks at every row at every step.
fn plain_greedy(features: &Features, target: usize) -> Vec<u32> {
    let mut amounts = vec![0_u64; features.word_numbers];
    let mut left: Vec<u32> = (0..features.len() as u32).collect();
    let mut chosen = Vec::new();
    while chosen.len() < target && !left.is_empty() {
        let gain = |row: u32| -> f64 {
            let added = |(word, units): (u32, u16)| {
                let amount = amounts[word as usize];
                features::root(amount + u64::from(units)) - features::root(amount)
            };
            features.of(row as usize).map(added).sum()
        };
        let best = (0..left.len()).max_by(|&a, &b| gain(left[a]).total_cmp(&gain(left[b]))).unwrap();
        let row = left.swap_remove(best);
        features.of(row as usize).for_each(|(word, units)| amounts[word as usize] += u64::from(units));
        chosen.push(row);
    }
    chosen
}

#[test]
fn as_good_as_looking_at_every_row() {
    let words = read(&kept(&drawn(2000, 1)));
    for settings in [PLAIN, Settings { prompt_weight: 1.0, length_normalisation: 0.0 }] {
        let features = features(&words, settings, None);
        for target in [50, 700] {
            let own = features.objective(&greedy(&features, &words, target).chosen);
            let plain = features.objective(&plain_greedy(&features, target));
            assert!((own / plain - 1.0).abs() < 0.001, "{own} {plain}");
        }
    }
}

#[test]
fn a_smaller_target_gives_the_first_rows() {
    let words = read(&kept(&drawn(500, 2)));
    let features = features(&words, PLAIN, None);
    let all = greedy(&features, &words, usize::MAX).chosen;
    assert_eq!(all.len(), 500);
    for target in [0, 1, 7, 300] {
        let choice = greedy(&features, &words, target);
        assert_eq!(choice.chosen, all[..target]);
        assert!(choice.values.iter().all(|value| value.is_finite()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn the_order_of_rows_and_threads_change_nothing(seed in any::<u64>(), target in 1_usize..200, turn in 0_usize..150) {
        let rows = drawn(150, seed);
        let mut turned = rows.clone();
        turned.rotate_left(turn);
        turned.reverse();
        let texts = |rows: &[(String, String)], threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let kept = kept(rows);
                let words = read(&kept);
                let features = features(&words, PLAIN, None);
                let greedy = greedy(&features, &words, target);
                let cap = Choice::by_cap(&features, words.order(), 3, target, &Progress::default()).unwrap();
                let of = |rows: Vec<u32>| rows.into_iter().map(|row| turned_text(&kept, row)).collect::<Vec<_>>();
                let measures = words.measure(&greedy.chosen, &Progress::default()).unwrap();
                (of(greedy.chosen), of(cap.chosen), measures)
            })
        };
        prop_assert_eq!(texts(&rows, 1), texts(&turned, 3));
    }
}

fn turned_text(kept: &Kept, row: u32) -> String {
    kept.0.turns(row as usize).map(|(_, text)| String::from_utf8_lossy(text)).collect::<Vec<_>>().join("|")
}

#[test]
fn rows_without_words_come_last_and_no_rows_are_no_trouble() {
    let rows = [("，。", "1 2 3"), ("", ""), ("春天", "花"), ("的", "了")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    let words = read(&kept(&rows));
    let features_of = features(&words, PLAIN, None);
    assert_eq!(greedy(&features_of, &words, 1).chosen, [2]);
    assert_eq!(greedy(&features_of, &words, 9).chosen.len(), 4);
    let none = read(&kept(&[]));
    assert_eq!(greedy(&features(&none, PLAIN, None), &none, 5), Choice::default());
    let by_cap = Choice::by_cap(&features(&none, PLAIN, None), none.order(), 1, 5, &Progress::default()).unwrap();
    assert_eq!(by_cap, Choice::default());
}

#[test]
fn the_cap_lets_rows_go_whose_words_were_seen() {
    let rows: Vec<_> = (0..10).map(|n| ("写诗歌".to_owned(), format!("春天 only{n}"))).collect();
    let words = read(&kept(&rows));
    let features = features(&words, PLAIN, None);
    let cap = |cap, target| Choice::by_cap(&features, words.order(), cap, target, &Progress::default()).unwrap();
    let choice = cap(4, 100);
    assert_eq!((choice.chosen.len(), choice.often.len()), (4, 6));
    assert!(choice.often.iter().all(|&row| choice.values[row as usize] > 0.5));
    let choice = cap(4, 3);
    assert_eq!((choice.chosen.len(), choice.often.len()), (3, 0));
    assert_eq!(choice.values.iter().filter(|value| value.is_nan()).count(), 7);
}

#[test]
fn weights_prefer_rows_and_must_be_some() {
    let words = read(&kept(&drawn(300, 5)));
    let weights: Vec<f64> = (0..300).map(|row| if row < 150 { 1.0 } else { 0.05 }).collect();
    let weighed = features(&words, PLAIN, Some(&weights));
    let high = greedy(&weighed, &words, 100).chosen.iter().filter(|&&row| row < 150).count();
    assert!(high > 80, "{high}");
    let zero = features(&words, PLAIN, Some(&[0.0; 300]));
    assert!(greedy(&zero, &words, 5).values.iter().all(|&value| value == 0.0));
    let error =
        |weights: &[f64]| Features::new(&words, PLAIN, Some(weights), &Progress::default()).unwrap().unwrap_err();
    assert_eq!(error(&[1.0]), RowWeightError::Count { weights: 1, rows: 300 });
    for bad in [f64::NAN, -1.0, f64::INFINITY] {
        assert!(matches!(error(&[bad; 300]), RowWeightError::Value { row: 0, .. }));
    }
}

#[test]
fn it_stops_when_asked_to() {
    let words = read(&kept(&drawn(50, 5)));
    let features_of = features(&words, PLAIN, None);
    let progress = Progress::default();
    progress.cancel();
    assert!(Features::new(&words, PLAIN, None, &progress).is_err());
    assert!(Choice::greedy(&features_of, words.order(), 5, &progress).is_err());
    assert!(Choice::by_cap(&features_of, words.order(), 5, 5, &progress).is_err());
    assert!(RowWords::read(&kept(&drawn(5, 5)), None, &progress).is_err());
    assert!(words.measure(&[0], &progress).is_err());
}

#[test]
fn measures_are_those_of_the_words() {
    let rows = [("写春天", "写诗歌 春天的春天"), ("写", "Rust rust。"), ("1+1", "")]
        .map(|(a, b)| (a.to_owned(), b.to_owned()));
    let words = read(&kept(&rows));
    let measures = words.measure(&[0, 1, 2], &Progress::default()).unwrap();
    // 写 3, 春天 3, 诗歌 1, rust 2; pairs 写春天, 写诗歌, 诗歌春天, 春天春天, rust rust.
    assert_eq!((measures.rows, measures.words, measures.distinct_words, measures.pairs), (3, 9, 4, 5));
    let share = |count: f64| -count / 9.0 * (count / 9.0).log2();
    assert!((measures.entropy.unwrap() - share(3.0) * 2.0 - share(1.0) - share(2.0)).abs() < 1e-12);
    assert_eq!((measures.top_100_share, measures.distinct_2), (Some(1.0), Some(1.0)));
    assert_eq!((measures.kinds, measures.kinds_entropy, measures.top_10_kinds_share), (1, Some(0.0), Some(1.0)));
    assert!(measures.zipf_slope.unwrap() < 0.0);
    assert_eq!((words.word(0), words.word(3), words.word(9)), ("写", "诗歌", ""));
    assert_eq!(words.longest(2), [0, 1]);
    let none = words.measure(&[], &Progress::default()).unwrap();
    assert_eq!(none, crate::words::Measures::default());
}
