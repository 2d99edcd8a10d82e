#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use proptest::prelude::*;
use rayon::ThreadPoolBuilder;

use super::*;
use crate::batch::Rows;
use crate::near_dedup::decide::{DecideBuffers, decide_component};
use crate::near_dedup::exact_join::tests::{TextRows, parameters};
use crate::near_dedup::shingle::mix;
use crate::near_dedup::{Decided, NearDedup, Parameters, least_equal};

const TEMPLATE: &str = "请把下面的句子翻译成地道的英文并说明理由";

/// Rows of a template whose places are filled from a short list or at will, copies with edits of any row so far, and
/// some that have nothing to do with the template.
fn corpus() -> impl Strategy<Value = Vec<String>> {
    let row = prop_oneof![
        6 => ("[一-九]{0,8}", "[甲乙丙]{0,3}").prop_map(|(own, word)| format!("{TEMPLATE}{word}：{own}")),
        3 => "(甲|乙|丙)[一-十]{0,3}(天|地)",
        1 => "(a|b|c){1,3}( (a|b|c)){0,6}",
    ];
    let edit = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), "[甲乙丙丁]{0,2}");
    (prop::collection::vec(row, 1..60), prop::collection::vec(edit, 0..120)).prop_map(|(mut texts, edits)| {
        for (source, place, inserted) in edits {
            let mut points: Vec<char> = source.get(&texts).chars().collect();
            let at = place.index(points.len() + 1);
            points.splice(at..points.len().min(at + 1), inserted.chars());
            texts.push(points.into_iter().collect());
        }
        texts
    })
}

struct Case {
    parameters: Parameters,
    rows: TextRows,
    stage: NearDedup,
}

impl Case {
    fn of(texts: &[String], parameters: &Parameters) -> Self {
        let rows = TextRows::of(texts);
        let mut stage = NearDedup::new(parameters.clone());
        let numbers: Vec<u32> = (0..texts.len() as u32).collect();
        stage.scan(rows.read(0, &mut crate::batch::RowScratch::default()).0, &numbers);
        Self { parameters: parameters.clone(), rows, stage }
    }

    fn with<R>(&self, work: impl FnOnce(&Context<'_>) -> R) -> R {
        work(&Context {
            parameters: &self.parameters,
            signatures: &self.stage.signatures,
            rows_of: &self.stage.rows,
            rows: &self.rows,
            least_equal: least_equal(self.parameters.threshold, self.parameters.permutations),
        })
    }

    /// All rows as one component, whatever they have in common: the decisions ask for that.
    fn large(&self, limits: &Limits) -> Vec<Removal> {
        let mut order: Vec<u32> = (0..self.rows.len() as u32).collect();
        order.sort_by(|&left, &right| self.rows.keep_order(left, right));
        let standing: Vec<Standing> = order.into_iter().map(|row| Standing { index: row, row }).collect();
        let mut gathered = Gathered::default();
        self.with(|context| decide_within(context, &standing, limits, &Progress::default(), &mut gathered)).unwrap();
        gathered.removals.sort_by_key(|removal| removal.row);
        gathered.removals
    }

    /// The same pair by pair.
    fn pairs(&self) -> Vec<Removal> {
        let all: Vec<u32> = (0..self.rows.len() as u32).collect();
        let mut gathered = Gathered::default();
        let (mut buffers, progress) = (DecideBuffers::default(), Progress::default());
        self.with(|context| decide_component(context, &all, &mut buffers, &progress, &mut gathered)).unwrap();
        gathered.removals.sort_by_key(|removal| removal.row);
        gathered.removals
    }
}

fn limits() -> impl Strategy<Value = Limits> {
    let few = |most: usize| prop_oneof![Just(0), 1..most, Just(1 << 20)];
    (1usize..100, few(2_000), few(500), few(300)).prop_map(|(block_rows, block_shingles, indexed, held)| Limits {
        block_rows,
        block_shingles,
        indexed,
        held,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_large_component_is_decided_as_pair_by_pair(
        texts in corpus(),
        threshold in prop_oneof![Just(0.5), Just(0.8), Just(0.9), Just(1.0), Just(2.0 / 3.0), 0.05..1.0],
        (bands, rows) in prop_oneof![Just((16, 4)), Just((4, 4)), Just((16, 1)), Just((3, 2))],
        limits in limits(),
    ) {
        let case = Case::of(&texts, &parameters(threshold, bands, rows));
        prop_assert_eq!(case.large(&limits), case.pairs());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_raised_threshold_gives_what_a_scan_with_it_gives(
        texts in corpus(),
        (low, high) in (0.3..0.9, 0.0..1.0).prop_map(|(low, part): (f64, f64)| (low, low + part * (1.0 - low))),
        (bands, rows) in prop_oneof![Just((16, 4)), Just((4, 4)), Just((16, 1)), Just((3, 2))],
        threads in 1usize..3,
    ) {
        let banded = |threshold| Parameters { exact: false, ..parameters(threshold, bands, rows) };
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let at = |threshold| {
            let case = Case::of(&texts, &banded(threshold));
            pool.install(|| case.stage.finish(&case.rows, None, &Progress::default())).unwrap()
        };
        let (before, expected) = (at(low), at(high));
        let rows = TextRows::of(&texts);
        let raise = |threshold, before: &Decided| {
            pool.install(|| NearDedup::new(banded(threshold)).raise(before, &rows, &Progress::default())).unwrap()
        };
        let raised = raise(high, &before);
        prop_assert_eq!(&raised.removals, &expected.removals);
        // And once more from what was raised.
        prop_assert_eq!(raise(1.0, &raised).removals, at(1.0).removals);
        let goes = |row| before.removals.iter().any(|removal| removal.row == row);
        for miss in &before.near_misses {
            prop_assert!(miss.similarity < low && !goes(miss.row) && !goes(miss.kept_row));
        }
    }
}

#[test]
fn threads_and_blocks_change_nothing() {
    // 30 originals of one template; each row is one of them with up to three characters changed.
    let han = |seed: u64, at: u64| char::from_u32(0x4e00 + (mix(seed << 20 ^ at) % 5_000) as u32).unwrap();
    let texts: Vec<String> = (0..3_000u64)
        .map(|row| {
            let own = if row % 7 == 0 { row } else { row % 30 };
            let mut points: Vec<char> = TEMPLATE.chars().chain((0..20).map(|at| han(own, at))).collect();
            for edit in 0..mix(row) % 4 {
                points[(mix(row ^ edit << 32) % 40) as usize] = han(row, edit);
            }
            points.into_iter().collect()
        })
        .collect();
    for threshold in [0.6, 0.8] {
        let case = Case::of(&texts, &parameters(threshold, 16, 4));
        let expected = case.large(&Limits { block_rows: 1, block_shingles: 0, indexed: 1 << 20, held: 0 });
        assert!(expected.len() > 500 && expected.len() < 2_900, "{}", expected.len());
        for threads in [1, 2, 5] {
            let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert_eq!(pool.install(|| case.large(&Limits::DEFAULT)), expected);
            assert_eq!(pool.install(|| case.pairs()), expected);
            let all = Progress::default();
            let whole = pool.install(|| case.stage.finish(&case.rows, None, &all)).unwrap().removals;
            let (done, announced) = all.state();
            assert_eq!(done, announced);
            let banded = Parameters { exact: false, ..case.parameters.clone() };
            let case = Case::of(&texts, &banded);
            assert_eq!(pool.install(|| case.stage.finish(&case.rows, None, &all)).unwrap().removals, expected);
            assert!(whole.len() >= expected.len() - expected.len() / 10);
        }
    }
}

#[test]
fn rows_with_many_shingles_are_large_however_few_they_are() {
    // 24 rows of 200,000 characters: more than is held of a small component.
    let text = |row: u64| -> String {
        let own = |at: u64| if at % 16 == row % 12 && row >= 6 { at ^ row << 40 } else { at };
        (0..200_000).map(|at| char::from_u32(0x4e00 + (mix(own(at)) % 20_000) as u32).unwrap()).collect()
    };
    let texts: Vec<String> = (0..24).map(text).collect();
    let case = Case::of(&texts, &parameters(0.8, 16, 4));
    let removals = case.pairs();
    assert_eq!(removals, case.large(&Limits::DEFAULT));
    assert!(!removals.is_empty());
}

#[test]
fn a_cancelled_decision_stops() {
    let texts: Vec<String> = (0..600).map(|row| format!("{TEMPLATE}{row}")).collect();
    let case = Case::of(&texts, &parameters(0.8, 16, 4));
    let progress = Progress::default();
    progress.cancel();
    let all: Vec<u32> = (0..600).collect();
    for rows in [600, 60] {
        let decide = |context: &Context<'_>| {
            decide_component(context, &all[..rows], &mut DecideBuffers::default(), &progress, &mut Gathered::default())
        };
        assert_eq!(case.with(decide), Err(Cancelled));
    }
}
