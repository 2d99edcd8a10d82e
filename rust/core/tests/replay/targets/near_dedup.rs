//! The decisions over a small corpus: as all pairs in the order of keeping give them.

use std::collections::HashMap;

use belle_core::batch::Rows;
use belle_core::near_dedup::shingle::{ShingleBuffers, ShingleSize, shingle_hashes};
use belle_core::near_dedup::sketch::Permutations;
use belle_core::near_dedup::{Decided, NearDedup, Parameters, Removal, least_equal};
use belle_core::progress::Progress;
use belle_core::text::{Field, Fold};

use super::choices::Choices;
use super::shingle::{field_of, field_text, fold_of, shingles};
use super::texts::{self, TextRows};
use super::{at_every_level, with_any_threads, with_one_thread};

const THRESHOLDS: [f64; 8] = [0.5, 0.8, 1.0, 0.95, 2.0 / 3.0, 0.2, 0.75, 0.01];
const BANDS: [(usize, usize); 7] = [(1, 1), (8, 2), (4, 3), (1, 16), (3, 4), (10, 1), (9, 4)];
/// A component of more rows is decided in another way.
const LARGE: usize = 560;

/// Settings, then rows.
pub fn check(data: &[u8]) {
    with_one_thread(|| check_alone(data));
}

fn check_alone(data: &[u8]) {
    let mut choices = Choices::of(data);
    let layout = choices.byte();
    let (bands, rows_per_band) = choices.one_of(&BANDS);
    let parameters = Parameters {
        field: if layout & 1 == 0 { Field::Conversation } else { field_of(choices.byte()) },
        fold: if layout & 2 == 0 { Fold::default() } else { fold_of(choices.byte()) },
        shingle: ShingleSize { characters: choices.below(5) + 1, words: choices.below(3) + 1 },
        threshold: choices.one_of(&THRESHOLDS),
        permutations: bands * rows_per_band + choices.below(20),
        bands,
        rows_per_band,
        seed: u64::from(choices.byte()),
        exact: layout & 4 == 0,
    };
    parameters.check().unwrap();
    let alive_bits = if layout & 8 == 0 { None } else { Some(choices.byte()) };
    let keep = choices.byte();
    let mut rows = TextRows { seed: u64::from(keep), ..TextRows::default() };
    let other_way = choices.byte();
    let mut turns = texts::rows(&mut choices, 48, layout & 1 == 0);
    if keep == 0xff {
        // Many rows from few bytes: each of the few, as often as it takes, some with one more character.
        turns = turns.iter().cycle().take(if turns.is_empty() { 0 } else { LARGE }).cloned().collect();
        for (at, (_, text)) in turns.iter_mut().flatten().enumerate() {
            text.push_str(["", "", "丙", "乙乙", "a"][at * at % 11 % 5]);
        }
    }
    for turns in &turns {
        rows.push(turns);
    }
    let alive: Option<Vec<bool>> =
        alive_bits.map(|bits| (0..turns.len()).map(|row| bits >> (row % 7) & 1 == 0).collect());

    let cut = rows.len() / 3;
    let parts = [cut, 0, rows.len() - cut];
    let whole = || finish(&rows, &[rows.len()], &parameters, alive.as_deref());
    let decided = whole();
    // One other way for each input: threads that wait for each other are most of the time.
    match other_way % 4 {
        0 => assert_eq!(with_any_threads(whole), decided, "with any threads"),
        1 => assert_eq!(finish(&rows, &parts, &parameters, alive.as_deref()), decided, "scanned in parts"),
        _ => assert_eq!(at_every_level(whole), decided, "at any instruction set"),
    }
    let texts = turns.iter().map(|turns| field_text(turns, parameters.field, parameters.fold));
    compare(&decided, &Slow::of(texts, &parameters), &rows, &parameters, alive.as_deref());
}

/// What the kernel says, after scans of so many rows each.
fn finish(rows: &TextRows, parts: &[usize], parameters: &Parameters, alive: Option<&[bool]>) -> Decided {
    let mut stage = NearDedup::new(parameters.clone());
    let mut first = 0;
    for &count in parts {
        let mut turns = rows.batch.view();
        turns.turn_offsets = &turns.turn_offsets[first..=first + count];
        stage.scan(turns, &(first as u32..(first + count) as u32).collect::<Vec<_>>());
        first += count;
    }
    stage.finish(rows, alive, &Progress::default()).unwrap()
}

/// Everything about the rows that decides, computed the slow way.
struct Slow {
    /// Sorted numbers of each row's distinct shingles; nothing for a row without the field.
    sets: Vec<Option<Vec<usize>>>,
    signatures: Vec<Vec<u16>>,
}

impl Slow {
    fn of(texts: impl Iterator<Item = Option<String>>, parameters: &Parameters) -> Self {
        let permutations = Permutations::new(parameters.permutations, parameters.seed);
        let mut numbers: HashMap<String, usize> = HashMap::new();
        let mut slow = Self { sets: Vec::new(), signatures: Vec::new() };
        for text in texts {
            let (mut hashes, mut signature) = (Vec::new(), vec![0; parameters.permutations]);
            let points: Vec<u32> = text.iter().flat_map(|text| text.chars()).map(u32::from).collect();
            shingle_hashes(&points, parameters.shingle, &mut ShingleBuffers::default(), &mut hashes);
            permutations.sign(&hashes, &mut signature);
            slow.signatures.push(signature);
            slow.sets.push(text.map(|text| {
                let shingles = shingles(&text, parameters.shingle);
                let count = numbers.len();
                let mut set: Vec<usize> = shingles
                    .into_iter()
                    .map(|shingle| {
                        let next = count.max(numbers.len());
                        *numbers.entry(shingle).or_insert(next)
                    })
                    .collect();
                set.sort_unstable();
                set.dedup();
                set
            }));
        }
        slow
    }

    /// The similarity of two rows; nothing if one of them has no text to compare.
    fn similarity(&self, left: u32, right: u32) -> Option<f64> {
        let (left, right) = (self.sets[left as usize].as_ref()?, self.sets[right as usize].as_ref()?);
        let shared = left.iter().filter(|shingle| right.binary_search(shingle).is_ok()).count();
        Some(shared as f64 / (left.len() + right.len() - shared) as f64)
    }

    /// Lanes of two signatures that agree.
    fn equal_lanes(&self, left: u32, right: u32) -> u16 {
        let (left, right) = (&self.signatures[left as usize], &self.signatures[right as usize]);
        left.iter().zip(right).filter(|(left, right)| left == right).count() as u16
    }

    /// Whether two rows agree in a band, and in enough lanes to be looked at.
    fn meet(&self, left: u32, right: u32, parameters: &Parameters) -> bool {
        let equal = u32::from(self.equal_lanes(left, right));
        let (left, right) = (&self.signatures[left as usize], &self.signatures[right as usize]);
        let rows = parameters.rows_per_band;
        let mut bands = (0..parameters.bands).map(|band| band * rows..(band + 1) * rows);
        let shared = bands.any(|band| left[band.clone()] == right[band]);
        shared && equal >= least_equal(parameters.threshold, parameters.permutations)
    }
}

/// Compares with the greedy pass over all pairs: each row in the order of keeping against all that are kept.
fn compare(decided: &Decided, slow: &Slow, rows: &TextRows, parameters: &Parameters, alive: Option<&[bool]>) {
    let removals = &decided.removals;
    let mut kept: Vec<u32> = Vec::new();
    let mut expected: Vec<Removal> = Vec::new();
    let joined = |kept_row: u32, row: u32| {
        let similarity = slow.similarity(kept_row, row).filter(|&similarity| similarity >= parameters.threshold)?;
        let equal_lanes = slow.equal_lanes(kept_row, row);
        let joined = parameters.exact || slow.meet(kept_row, row, parameters);
        joined.then_some(Removal { row, kept_row, similarity, equal_lanes })
    };
    let stands = |row: u32| alive.is_none_or(|alive| alive[row as usize]) && slow.sets[row as usize].is_some();
    for row in rows.order().into_iter().filter(|&row| stands(row)) {
        match kept.iter().find_map(|&kept_row| joined(kept_row, row)) {
            Some(removal) => expected.push(removal),
            None => kept.push(row),
        }
    }
    expected.sort_unstable_by_key(|removal| removal.row);
    for near in &decided.near_misses {
        let similarity = slow.similarity(near.kept_row, near.row).unwrap();
        assert!(near.similarity < parameters.threshold && near.similarity.to_bits() == similarity.to_bits());
        assert!(kept.contains(&near.kept_row));
    }
    if !parameters.exact {
        assert_eq!(*removals, expected);
        return;
    }
    // Of several kept rows that a row may go for, the exact pass names any that comes before it.
    let rows_of = |removals: &[Removal]| removals.iter().map(|removal| removal.row).collect::<Vec<_>>();
    assert_eq!(rows_of(removals), rows_of(&expected));
    for removal in removals {
        assert!(kept.contains(&removal.kept_row), "{removal:?} for a row that goes");
        assert!(rows.keep_order(removal.kept_row, removal.row).is_lt());
        // A pair that only the join found was never compared by its signatures.
        let found = joined(removal.kept_row, removal.row).unwrap();
        assert_eq!((found.row, found.similarity.to_bits()), (removal.row, removal.similarity.to_bits()));
        assert!([0, found.equal_lanes].contains(&removal.equal_lanes));
    }
}
