//! Time of each step over a real file, at every instruction set of this processor, on one thread:
//! `cargo run --release -- FILE [ROUNDS]`. The best round counts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use belle_benches::{COMPOSITION, PARAMETERS, levels, read_corpus};
use belle_core::batch::Rows;
use belle_core::dispatch::force;
use belle_core::exact_dedup::ExactDedup;
use belle_core::near_dedup::NearDedup;
use belle_core::progress::Progress;
use belle_core::read::detect_format;
use belle_core::text::Field;

const SAMPLE: usize = 1 << 20;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: cargo run --release -- FILE [ROUNDS]")?;
    let rounds: usize = arguments.next().map_or(Ok(3), |rounds| rounds.parse())?;
    let bytes: Arc<[u8]> = std::fs::read(&path)?.into();
    let format = detect_format(&bytes[..bytes.len().min(SAMPLE)]).ok_or("no row of a known shape in the first MiB")?;
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global()?;
    println!("{path}: {} as {}", size(bytes.len()), format.name());
    for level in levels() {
        if force(Some(level)).is_err() {
            continue;
        }
        let mut best: BTreeMap<&str, f64> = BTreeMap::new();
        let mut rows = 0;
        for _ in 0..rounds {
            let mut steps = Steps(&mut best);
            rows = steps.time("1 read", || read_corpus(&bytes, format, |_, _| ())).len();
            let mut exact = ExactDedup::new(Field::Conversation, COMPOSITION);
            let mut near = NearDedup::new(PARAMETERS);
            let corpus = steps.time("2 read and scan", || {
                read_corpus(&bytes, format, |batch, first| {
                    let numbers: Vec<u32> = (first..first + batch.len() as u32).collect();
                    exact.scan(batch.view(), &numbers);
                    near.scan(batch.view(), &numbers);
                })
            });
            let progress = Progress::default();
            steps.time("3 exact_dedup", || exact.finish(&corpus, None, &progress))?;
            steps.time("4 near_dedup", || near.finish(&corpus, None, &progress))?;
        }
        for (step, seconds) in best {
            let (rate, speed) = (rows as f64 / seconds, bytes.len() as f64 / seconds / 1e9);
            println!("  {:<9} {step:<16} {seconds:>8.3} s {rate:>12.0} rows/s {speed:>6.2} GB/s", level.name());
        }
    }
    Ok(())
}

struct Steps<'a>(&'a mut BTreeMap<&'static str, f64>);

impl Steps<'_> {
    fn time<T>(&mut self, step: &'static str, work: impl FnOnce() -> T) -> T {
        let begin = Instant::now();
        let result = work();
        let seconds = begin.elapsed().as_secs_f64();
        self.0.entry(step).and_modify(|best| *best = best.min(seconds)).or_insert(seconds);
        result
    }
}

fn size(bytes: usize) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
