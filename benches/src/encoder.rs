//! Ids of texts by a sentencepiece model on one thread: `cargo run --release --bin encoder -- MODEL TEXT_FILE [ROUNDS]`.
//! The text is given line by line, each line once a round, a few thousand lines at a time as a stream of data would be.
//! Each round has a new encoder, which remembers nothing; of each such part of the text its best round counts.

use std::time::{Duration, Instant};

use belle_core::progress::Progress;
use belle_core::vocab::BytePairEncoder;

/// Lines that are encoded together.
const LINES: usize = 4096;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut path = || arguments.next().ok_or("usage: cargo run --release --bin encoder -- MODEL TEXT_FILE [ROUNDS]");
    let (model, text) = (std::fs::read(path()?)?, std::fs::read_to_string(path()?)?);
    let rounds: usize = arguments.next().map_or(Ok(5), |rounds| rounds.parse())?;
    let lines: Vec<&str> = text.lines().collect();
    let progress = Progress::default();
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global()?;
    let mut best = vec![[Duration::MAX; 2]; lines.len().div_ceil(LINES)];
    for _ in 0..rounds {
        let (mut ids, mut counted) = (0, 0);
        let encoder = BytePairEncoder::new(&model)?;
        for (lines, [best, _]) in lines.chunks(LINES).zip(&mut best) {
            let start = Instant::now();
            ids += encoder.encode(lines, &progress)?.ok_or("too many ids")?.ids.len();
            *best = start.elapsed().min(*best);
        }
        let encoder = BytePairEncoder::new(&model)?;
        for (lines, [_, best]) in lines.chunks(LINES).zip(&mut best) {
            let start = Instant::now();
            counted += encoder.count(lines, &progress)?.into_iter().map(|count| count as usize).sum::<usize>();
            *best = start.elapsed().min(*best);
        }
        assert_eq!(ids, counted, "ids and their number");
    }
    let bytes: usize = lines.iter().map(|line| line.len()).sum();
    let rate = |what: usize| bytes as f64 / best.iter().map(|best| best[what]).sum::<Duration>().as_secs_f64() / 1e6;
    println!("ids {:>6.1} MB/s, counts {:>6.1} MB/s", rate(0), rate(1));
    Ok(())
}
