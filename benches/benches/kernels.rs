//! The kernels one by one, on generated rows and one thread; those that have one copy per instruction set, at each.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use belle_benches::{COMPOSITION, MAX_LINE_BYTES, PARAMETERS, alpaca_lines, levels, read_all, read_corpus};
use belle_core::batch::{Batch, Rows};
use belle_core::decode::decode;
use belle_core::dispatch::force;
use belle_core::exact_dedup::ExactDedup;
use belle_core::near_dedup::NearDedup;
use belle_core::near_dedup::shingle::{ShingleBuffers, shingle_hashes};
use belle_core::near_dedup::sketch::Permutations;
use belle_core::progress::Progress;
use belle_core::read::{Format, ReadOptions, read_lines};
use belle_core::text::Field;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};

const FEW_ROWS: usize = 10_000;
const MANY_ROWS: usize = 50_000;
const SEED: u64 = 20_240_607;
const BUFFER: usize = 1 << 20;

fn at_each_level(group: &mut BenchmarkGroup<'_, WallTime>, mut work: impl FnMut()) {
    for level in levels() {
        if force(Some(level)).is_ok() {
            group.bench_function(level.name(), |bencher| bencher.iter(&mut work));
        }
    }
    // Levels up to the best are always allowed, and so is the best.
    let _ = force(None);
}

fn read(criterion: &mut Criterion) {
    let lines = alpaca_lines(FEW_ROWS, SEED);
    let mut group = criterion.benchmark_group("read");
    group.throughput(Throughput::Bytes(lines.len() as u64));
    // As a run does it: no memory is asked for anew.
    let options = ReadOptions { format: Format::Alpaca, max_line_bytes: MAX_LINE_BYTES };
    let (mut batch, mut rejected) = (Batch::default(), Vec::new());
    at_each_level(&mut group, || {
        batch.clear();
        read_lines(black_box(&lines), 0, 0, &options, &mut batch, &mut rejected);
    });
}

fn texts(criterion: &mut Criterion) {
    let (batch, _) = read_all(&alpaca_lines(FEW_ROWS, SEED), Format::Alpaca);
    let texts: Vec<&[u8]> = (0..batch.len()).flat_map(|row| batch.turns(row).map(|(_, text)| text)).collect();
    let mut points = Vec::new();
    let decoded: Vec<Vec<u32>> = texts
        .iter()
        .map(|text| {
            points.clear();
            decode(text, &mut points);
            points.clone()
        })
        .collect();
    let characters = decoded.iter().map(Vec::len).sum::<usize>() as u64;

    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(characters));
    at_each_level(&mut group, || {
        for text in &texts {
            points.clear();
            decode(black_box(text), &mut points);
        }
    });
    group.finish();

    let (mut buffers, mut hashes) = (ShingleBuffers::default(), Vec::new());
    let mut group = criterion.benchmark_group("shingle");
    group.throughput(Throughput::Elements(characters));
    at_each_level(&mut group, || {
        for text in &decoded {
            shingle_hashes(black_box(text), PARAMETERS.shingle, &mut buffers, &mut hashes);
        }
    });
    group.finish();

    let shingled: Vec<Vec<u64>> = decoded
        .iter()
        .map(|text| {
            shingle_hashes(text, PARAMETERS.shingle, &mut buffers, &mut hashes);
            hashes.clone()
        })
        .collect();
    let permutations = Permutations::new(PARAMETERS.permutations, PARAMETERS.seed);
    let mut signature = vec![0; PARAMETERS.permutations];
    let mut group = criterion.benchmark_group("sign");
    group.throughput(Throughput::Elements(shingled.iter().map(Vec::len).sum::<usize>() as u64));
    at_each_level(&mut group, || {
        for hashes in &shingled {
            permutations.sign(black_box(hashes), &mut signature);
        }
    });
}

fn stages(criterion: &mut Criterion) {
    let lines: Arc<[u8]> = alpaca_lines(MANY_ROWS, SEED).into();
    let mut exact = ExactDedup::new(Field::Conversation, COMPOSITION);
    let mut near = NearDedup::new(PARAMETERS);
    let mut batches = Vec::new();
    let corpus = read_corpus(&lines, Format::Alpaca, |batch, first| {
        let numbers: Vec<u32> = (first..first + batch.len() as u32).collect();
        exact.scan(batch.view(), &numbers);
        near.scan(batch.view(), &numbers);
        batches.push((batch.clone(), numbers));
    });
    let progress = Progress::default();

    let mut group = criterion.benchmark_group("exact_dedup");
    group.throughput(Throughput::Elements(corpus.len() as u64)).sample_size(20);
    group.bench_function("scan", |bencher| {
        bencher.iter(|| {
            let mut stage = ExactDedup::new(Field::Conversation, COMPOSITION);
            for (batch, numbers) in &batches {
                stage.scan(batch.view(), numbers);
            }
            stage
        });
    });
    group.bench_function("finish", |bencher| bencher.iter(|| exact.finish(&corpus, None, &progress)));
    group.finish();

    let mut group = criterion.benchmark_group("near_dedup");
    group.throughput(Throughput::Elements(corpus.len() as u64)).sample_size(20);
    group.bench_function("scan", |bencher| {
        bencher.iter(|| {
            let mut stage = NearDedup::new(PARAMETERS);
            for (batch, numbers) in &batches {
                stage.scan(batch.view(), numbers);
            }
            stage
        });
    });
    group.bench_function("finish", |bencher| bencher.iter(|| near.finish(&corpus, None, &progress)));
    group.finish();

    let mut group = criterion.benchmark_group("write");
    group.throughput(Throughput::Bytes(lines.len() as u64)).sample_size(20);
    let mut buffer = vec![0; BUFFER];
    group.bench_function("as they came", |bencher| {
        bencher.iter(|| {
            let mut row = 0;
            while row < corpus.len() as u32 {
                let (next, ..) = corpus.fill(row..corpus.len() as u32, |_| true, black_box(&mut buffer));
                if next == row {
                    break;
                }
                row = next;
            }
        });
    });
    let mut converted = Vec::new();
    group.bench_function("as messages", |bencher| {
        bencher.iter(|| {
            converted.clear();
            corpus.convert(0..corpus.len() as u32, Format::Messages, &mut converted)
        });
    });
}

fn settings() -> Criterion {
    // Times are those of one core; a second call finds the pool there already.
    let _ = rayon::ThreadPoolBuilder::new().num_threads(1).build_global();
    Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2))
}

criterion_group! { name = kernels; config = settings(); targets = read, texts, stages }
criterion_main!(kernels);
