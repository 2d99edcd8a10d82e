//! Words and their counts on one thread, beside jieba-rs without its hidden Markov model, which counts in a hash map:
//! `cargo run --release --bin words -- TEXT_FILE [ROUNDS]`. The text is given line by line; the best round counts.

use std::collections::HashMap;
use std::time::Instant;

use belle_core::words::WordCounts;
use jieba_rs::Jieba;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: cargo run --release --bin words -- TEXT_FILE [ROUNDS]")?;
    let rounds: usize = arguments.next().map_or(Ok(3), |rounds| rounds.parse())?;
    let text = std::fs::read_to_string(&path)?;
    let jieba = Jieba::new();
    // The dictionary is made when it is first asked for.
    WordCounts::default().add("春");
    let (mut cut_best, mut own_best, mut peer_best) = (f64::MAX, f64::MAX, f64::MAX);
    for _ in 0..rounds {
        let start = Instant::now();
        let mut own = WordCounts::default();
        text.lines().for_each(|line| own.add(line));
        own_best = own_best.min(start.elapsed().as_secs_f64());

        let start = Instant::now();
        let tokens: usize = text.lines().map(|line| jieba.cut(line, false).len()).sum();
        cut_best = cut_best.min(start.elapsed().as_secs_f64());

        let start = Instant::now();
        let mut counts: HashMap<&str, u64> = HashMap::new();
        for line in text.lines() {
            for token in jieba.cut(line, false) {
                *counts.entry(token.word).or_default() += 1;
            }
        }
        peer_best = peer_best.min(start.elapsed().as_secs_f64());
        println!("{} words of ours, {tokens} tokens of jieba-rs, {} different", own.sorted().len(), counts.len());
    }
    let rate = |seconds: f64| text.len() as f64 / seconds / 1e6;
    println!("belle, cut and counted     {:>6.1} MB/s", rate(own_best));
    println!("jieba-rs, cut              {:>6.1} MB/s, {:.2} times slower", rate(cut_best), cut_best / own_best);
    println!("jieba-rs, cut and counted  {:>6.1} MB/s, {:.2} times slower", rate(peer_best), peer_best / own_best);
    Ok(())
}
