//! Reading speed at every level of this processor: `cargo run --release --example read_speed -- FILE [ROUNDS] [LEVEL]`.

#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use std::time::Instant;

use belle_core::batch::Batch;
use belle_core::dispatch::{Level, force};
use belle_core::read::{ReadOptions, detect_format, read_lines};

const CHUNK: usize = 1 << 20;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: read_speed FILE [ROUNDS] [LEVEL]")?;
    let rounds: usize = arguments.next().map_or(Ok(5), |rounds| rounds.parse())?;
    let only = arguments.next();
    let bytes = std::fs::read(&path)?;
    let format = detect_format(&bytes[..bytes.len().min(CHUNK)]).ok_or("no known format")?;
    let options = ReadOptions { format, max_line_bytes: 64 << 20 };
    for level in Level::ALL {
        if only.as_ref().is_some_and(|only| only != level.name()) || force(Some(level)).is_err() {
            continue;
        }
        let mut batch = Batch::default();
        let mut best = f64::INFINITY;
        let (mut rows, mut rejected) = (0, Vec::new());
        for _ in 0..rounds {
            let begin = Instant::now();
            let (mut at, mut lines) = (0, 0);
            rows = 0;
            while at < bytes.len() {
                let most = (at + CHUNK).min(bytes.len());
                let end =
                    bytes[at..most].iter().rposition(|&byte| byte == b'\n').map_or(bytes.len(), |last| at + last + 1);
                batch.clear();
                lines += read_lines(&bytes[at..end], at as u64, lines, &options, &mut batch, &mut rejected);
                rows += batch.len();
                at = end;
            }
            best = best.min(begin.elapsed().as_secs_f64());
        }
        let rate = bytes.len() as f64 / best / 1e9;
        println!("{}: {} rows as {}, {} rejected, {rate:.2} GB/s", level.name(), rows, format.name(), rejected.len());
    }
    Ok(())
}
