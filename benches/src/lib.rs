//! What the benchmarks share: rows that look like Chinese instruction data, and rows read into a corpus.

use std::fmt::Write;
use std::sync::Arc;

use belle_core::batch::Batch;
use belle_core::corpus::Corpus;
use belle_core::dispatch::{Level, detected};
use belle_core::near_dedup::Parameters;
use belle_core::near_dedup::shingle::{ShingleSize, mix};
use belle_core::read::{Format, ReadOptions, read_lines};
use belle_core::text::{Field, Fold};

/// Bytes that are read at once.
pub const CHUNK: usize = 4 << 20;
/// Longer lines are rejected.
pub const MAX_LINE_BYTES: usize = 64 << 20;

/// The settings with which the stages run by default.
pub const PARAMETERS: Parameters = Parameters {
    field: Field::Conversation,
    fold: COMPOSITION,
    shingle: ShingleSize { characters: 5, words: 3 },
    threshold: 0.8,
    permutations: 128,
    bands: 32,
    rows_per_band: 4,
    seed: 1,
    exact: false,
};

/// The only fold that is on by default.
pub const COMPOSITION: Fold = Fold { composition: true, width: false, case: false, punctuation: false, space: false };

const CLAUSES: u64 = 5_000;
const CLAUSES_IN_ROW: u64 = 7;

/// The same numbers for the same seed, everywhere.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0) % limit
    }

    fn clause(&mut self) -> String {
        let length = 8 + self.below(14);
        let mut clause: String =
            (0..length).filter_map(|_| char::from_u32(0x4e00 + self.below(6_000) as u32)).collect();
        clause.push_str(["，", "。", "\\n", "、", "；"][self.below(5) as usize]);
        clause
    }
}

/// Lines of `alpaca` rows, of about 115 characters; a seventh repeat an earlier row with one changed clause, a
/// twentieth repeat it as it is.
#[must_use]
pub fn alpaca_lines(rows: usize, seed: u64) -> Vec<u8> {
    let mut numbers = Numbers(mix(seed));
    let clauses: Vec<String> = (0..CLAUSES).map(|_| numbers.clause()).collect();
    let mut samples: Vec<Vec<u64>> = Vec::with_capacity(rows);
    let mut lines = String::new();
    for row in 0..rows {
        let mut sample: Vec<u64> = (0..=CLAUSES_IN_ROW).map(|_| numbers.below(CLAUSES)).collect();
        let kind = numbers.below(20);
        let mut mark = "";
        if kind < 4 && row > 0 {
            sample.clone_from(&samples[numbers.below(row as u64) as usize]);
            mark = ["", "请", "好", "啊"][kind as usize];
        }
        let clause = |at: usize| clauses[sample[at] as usize].as_str();
        // Writing to a string cannot fail.
        let _ = write!(lines, r#"{{"id": "{row}", "instruction": "{}", "input": "", "output": ""#, clause(0));
        (1..4).for_each(|at| lines.push_str(clause(at)));
        lines.push_str(mark);
        (4..sample.len()).for_each(|at| lines.push_str(clause(at)));
        lines.push_str("\"}\n");
        samples.push(sample);
    }
    lines.into_bytes()
}

/// All rows of some lines in one batch, and how many lines were rejected.
#[must_use]
pub fn read_all(lines: &[u8], format: Format) -> (Batch, usize) {
    let (mut batch, mut rejected) = (Batch::default(), Vec::new());
    let options = ReadOptions { format, max_line_bytes: MAX_LINE_BYTES };
    read_lines(lines, 0, 0, &options, &mut batch, &mut rejected);
    (batch, rejected.len())
}

/// Reads lines into a corpus, a chunk at a time, and shows each batch with the number of its first row to `scan`.
#[must_use]
pub fn read_corpus(lines: &Arc<[u8]>, format: Format, mut scan: impl FnMut(&Batch, u32)) -> Corpus {
    let mut corpus = Corpus::new();
    let source = corpus.add_source(Box::new(Arc::clone(lines)), format, None);
    let mut at = 0;
    while at < lines.len() as u64 {
        let Ok(chunk) = corpus.read_chunk(source, at, CHUNK, MAX_LINE_BYTES, usize::MAX) else { break };
        scan(&chunk.batch, chunk.first_row);
        at = chunk.end;
    }
    corpus
}

/// The instruction sets of this processor, from the plainest.
pub fn levels() -> impl Iterator<Item = Level> {
    Level::ALL.into_iter().filter(|&level| level <= detected())
}
