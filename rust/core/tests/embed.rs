//! The encoder against a slow one in double precision, on a model of made-up weights.

#![allow(clippy::unwrap_used)]

use std::collections::HashMap;

use belle_core::dispatch::{self, Level};
use belle_core::embed::unigram::{END, START, Scratch, UNKNOWN};
use belle_core::embed::weights::Values;
use belle_core::embed::{Array, Buffers, DIMENSIONS, Encoder, ModelError, Precision, Unigram, Weights};
use belle_core::progress::Progress;
use proptest::prelude::*;

/// Pieces and scores; ids are places in the list.
#[rustfmt::skip]
const PIECES: [(&str, f32); 16] = [
    ("<unk>", 0.0), ("<s>", 0.0), ("</s>", 0.0), ("▁", -2.0), ("a", -3.0), ("b", -3.5), ("ab", -4.0), ("abc", -4.5),
    ("c", -4.0), ("▁a", -4.0), ("好", -5.0), ("你好", -6.0), ("𝄞", -7.0), ("aa", -6.0), ("bcab", -8.0), ("bc", -7.5),
];

fn varint(mut value: usize, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn field(number: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(number << 3 | 2);
    varint(bytes.len(), out);
    out.extend_from_slice(bytes);
}

fn sp_model(charsmap: &[u8]) -> Vec<u8> {
    let mut model = Vec::new();
    for (text, score) in PIECES {
        let mut piece = Vec::new();
        field(1, text.as_bytes(), &mut piece);
        piece.push(2 << 3 | 5);
        piece.extend_from_slice(&score.to_le_bytes());
        field(1, &piece, &mut model);
    }
    let mut normaliser = Vec::new();
    field(2, charsmap, &mut normaliser);
    field(3, &normaliser, &mut model);
    model
}

/// The best way by trying every piece at every place.
fn slow_pieces(text: &str) -> Vec<u32> {
    let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    let normal: Vec<char> = words.iter().flat_map(|word| ['▁'].into_iter().chain(word.chars())).collect();
    let mut normal = &normal[..];
    while let [rest @ .., '▁'] = normal {
        normal = rest;
    }
    if normal.is_empty() {
        return vec![UNKNOWN];
    }
    let ids: HashMap<Vec<char>, usize> =
        PIECES.iter().enumerate().map(|(id, piece)| (piece.0.chars().collect(), id)).collect();
    let mut best: Vec<(f64, usize, u32)> = vec![(f64::NEG_INFINITY, 0, 0); normal.len() + 1];
    best[0].0 = 0.0;
    for end in 1..=normal.len() {
        for start in 0..end {
            let (score, id) = match ids.get(&normal[start..end]) {
                Some(&id) => (f64::from(PIECES[id].1), id as u32),
                None if start + 1 == end => (-18.0, UNKNOWN),
                None => continue,
            };
            if best[start].0 + score > best[end].0 {
                best[end] = (best[start].0 + score, start, id);
            }
        }
    }
    let mut found = Vec::new();
    let mut end = normal.len();
    while end > 0 {
        found.push(best[end].2);
        end = best[end].1;
    }
    found.reverse();
    found
}

fn weights() -> Weights {
    let mut state = 1u64;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    let mut weights = Weights::new();
    for number in 1..=17 {
        let codes = (0..512).map(|_| ((next() + 1.0) * 31.9) as u8).collect();
        weights.insert(format!("q{number}"), Array { shape: vec![1, 512], values: Values::U8(codes) });
    }
    let mut add = |name: &str, shape: &[usize], size: f32, middle: f32| {
        let values = (0..shape.iter().product()).map(|_| next() * size + middle).collect();
        weights.insert(name.to_owned(), Array { shape: shape.to_vec(), values: Values::F32(values) });
    };
    add("scale", &[17], 0.01, 0.1);
    add("lo", &[17], 0.1, -3.0);
    for taps in [2, 3, 5] {
        add(&format!("proj{taps}"), &[512, 256], 0.1, 0.0);
        add(&format!("w1_{taps}"), &[taps * 256, 256], 0.1, 0.0);
        add(&format!("w2_{taps}"), &[taps * 256, 256], 0.1, 0.0);
        for name in ["proj_b", "ln_b", "b1_", "b2_"] {
            add(&format!("{name}{taps}"), &[256], 0.1, 0.0);
        }
        add(&format!("ln_g{taps}"), &[256], 0.1, 1.0);
    }
    add("ln_g", &[1280], 0.1, 1.0);
    add("ln_b", &[1280], 0.1, 0.0);
    for (name, rows, columns) in [
        ("cnn_W", 1280, 512),
        ("d0", 512, 320),
        ("p1", 512, 320),
        ("d1", 320, 320),
        ("d2", 320, 512),
        ("p3", 320, 512),
        ("d3", 512, 512),
    ] {
        add(name, &[rows, columns], 0.1, 0.0);
    }
    add("cnn_b", &[512], 0.1, 0.0);
    add("eps", &[], 0.0, 1e-12);
    weights
}

/// The network in double precision, one token at a time.
struct Slow<'a>(&'a Weights);

impl Slow<'_> {
    fn get(&self, name: &str) -> Vec<f64> {
        match &self.0[name].values {
            Values::F32(values) => values.iter().map(|&value| f64::from(value)).collect(),
            Values::U8(values) => values.iter().map(|&value| f64::from(value)).collect(),
            Values::Other(_) => Vec::new(),
        }
    }

    fn product(&self, row: &[f64], name: &str) -> Vec<f64> {
        let matrix = self.get(name);
        let columns = matrix.len() / row.len();
        let mut out = vec![0.0; columns];
        for (factor, values) in row.iter().zip(matrix.chunks(columns)) {
            out.iter_mut().zip(values).for_each(|(sum, value)| *sum += factor * value);
        }
        out
    }

    fn normal(&self, row: &[f64], gains: &[&str], offsets: &[&str]) -> Vec<f64> {
        let mean = row.iter().sum::<f64>() / row.len() as f64;
        let variance = row.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / row.len() as f64;
        let gains = gains.iter().flat_map(|name| self.get(name));
        let offsets = offsets.iter().flat_map(|name| self.get(name));
        let factors = gains.zip(offsets);
        row.iter()
            .zip(factors)
            .map(|(value, (gain, offset))| (value - mean) / variance.sqrt() * gain + offset)
            .collect()
    }

    fn layer(&self, rows: &[Vec<f64>], taps: usize, layer: usize) -> Vec<Vec<f64>> {
        let left = (taps - 1) / 2;
        let nothing = vec![0.0; 256];
        let row = |at: usize| if at < left { &nothing } else { rows.get(at - left).unwrap_or(&nothing) };
        (0..rows.len())
            .map(|token| {
                let window: Vec<f64> = (0..taps).flat_map(|tap| row(token + tap).iter().copied()).collect();
                let sums = self.product(&window, &format!("w{layer}_{taps}"));
                let sums =
                    sums.iter().zip(self.get(&format!("b{layer}_{taps}"))).map(|(sum, bias)| (sum + bias).max(0.0));
                sums.zip(&rows[token]).map(|(sum, residual)| sum + residual).collect()
            })
            .collect()
    }

    fn embed(&self, tokens: &[u32]) -> Vec<f64> {
        let (scales, lows) = (self.get("scale"), self.get("lo"));
        let embedding = |&token: &u32| -> Vec<f64> {
            let part = token as usize % 17;
            self.get(&format!("q{}", part + 1)).iter().map(|code| code * scales[part] + lows[part]).collect()
        };
        let mut features: Vec<Vec<f64>> = tokens.iter().map(embedding).collect();
        let projections: Vec<Vec<f64>> = features
            .iter()
            .map(|row| {
                let all: Vec<f64> = [2, 3, 5]
                    .iter()
                    .flat_map(|taps| {
                        let row = self.product(row, &format!("proj{taps}"));
                        row.into_iter().zip(self.get(&format!("proj_b{taps}"))).map(|(sum, bias)| sum + bias)
                    })
                    .collect();
                self.normal(&all, &["ln_g2", "ln_g3", "ln_g5"], &["ln_b2", "ln_b3", "ln_b5"])
            })
            .collect();
        for (branch, taps) in [2, 3, 5].into_iter().enumerate() {
            let rows: Vec<Vec<f64>> = projections.iter().map(|row| row[branch * 256..][..256].to_vec()).collect();
            let rows = self.layer(&self.layer(&rows, taps, 1), taps, 2);
            features.iter_mut().zip(rows).for_each(|(features, row)| features.extend(row));
        }
        let mut sum = vec![0.0; 1280];
        for row in &features {
            let row = self.normal(row, &["ln_g"], &["ln_b"]);
            sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        }
        let root = (tokens.len() as f64).sqrt();
        let mean = self.product(&sum, "cnn_W").into_iter().zip(self.get("cnn_b"));
        let mean: Vec<f64> = mean.map(|(sum, bias)| sum / root + bias * root).collect();
        let plus =
            |left: Vec<f64>, right: Vec<f64>| left.into_iter().zip(right).map(|(a, b)| a + b).collect::<Vec<_>>();
        let positive = |row: Vec<f64>| row.into_iter().map(|value| value.max(0.0)).collect::<Vec<_>>();
        let first = positive(self.product(&mean, "d0"));
        let second = positive(plus(self.product(&mean, "p1"), self.product(&first, "d1")));
        let third = positive(self.product(&second, "d2"));
        let result = plus(self.product(&second, "p3"), self.product(&third, "d3"));
        let result: Vec<f64> = result.into_iter().map(f64::tanh).collect();
        let len = result.iter().map(|value| value * value).sum::<f64>().sqrt();
        result.into_iter().map(|value| value / len).collect()
    }
}

fn encoder(table_bytes: usize) -> Encoder {
    Encoder::new(&sp_model(&[]), &weights(), table_bytes).unwrap()
}

fn embed(encoder: &Encoder, texts: &[&str], precision: Precision) -> Vec<f32> {
    let mut vectors = vec![0.0; texts.len() * DIMENSIONS];
    encoder.embed(texts, precision, &Progress::default(), &mut vectors).unwrap();
    vectors
}

fn bits(vectors: &[f32]) -> Vec<u32> {
    vectors.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn vectors_are_those_of_the_slow_encoder() {
    let (encoder, weights) = (encoder(Encoder::TABLE_BYTES), weights());
    // A text of more tokens than a batch has rows is cut.
    let long = "abc a你好 bcab".repeat(90);
    let mut buffers = Buffers::default();
    for text in ["", "   ", "a", "你好 abc", "zz𝄞zz ab", &long] {
        let mut tokens = Vec::new();
        encoder.pieces(text, &mut buffers, &mut tokens);
        let expected = Slow(&weights).embed(&tokens);
        for (precision, least) in [(Precision::Float32, 0.999_999), (Precision::Int8, 0.99)] {
            let found = embed(&encoder, &[text], precision);
            let cosine: f64 = found.iter().zip(&expected).map(|(&found, expected)| f64::from(found) * expected).sum();
            assert!(cosine >= least, "{text:.20} {precision:?} {cosine}");
            let len = found.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>();
            assert!((len - 1.0).abs() < 1e-6);
        }
    }
}

#[test]
fn bytes_do_not_depend_on_instructions_neighbours_threads_or_memory() {
    let long = "你好abca bc ".repeat(70);
    let mut texts = vec!["a", "", "你好 ab", &long, "bcab bcab c", "x"];
    texts.extend(std::iter::repeat_n("ab c 好", 140));
    let (large, none) = (encoder(Encoder::TABLE_BYTES), encoder(0));
    for precision in [Precision::Float32, Precision::Int8] {
        let expected = bits(&embed(&large, &texts, precision));
        assert_eq!(bits(&embed(&none, &texts[..6], precision)), expected[..6 * DIMENSIONS]);
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert_eq!(pool.install(|| bits(&embed(&large, &texts, precision))), expected);
        }
        let mut buffers = Buffers::default();
        for (text, expected) in texts.iter().zip(expected.chunks(DIMENSIONS)).take(6) {
            let mut vector = vec![0.0; DIMENSIONS];
            large.embed_one(text, precision, &mut buffers, &mut vector);
            assert_eq!(bits(&vector), expected);
        }
        for level in Level::ALL {
            if dispatch::force(Some(level)).is_ok() {
                // Another encoder, so that the table is made by these instructions too.
                let found = bits(&embed(&encoder(Encoder::TABLE_BYTES), &texts[..4], precision));
                dispatch::force(None).unwrap();
                assert_eq!(found, expected[..4 * DIMENSIONS], "{level:?}");
            }
        }
    }
}

#[test]
fn a_stopped_computation_says_so() {
    let progress = Progress::default();
    progress.cancel();
    let mut vector = vec![0.0; DIMENSIONS];
    assert!(encoder(0).embed(&["a"], Precision::Int8, &progress, &mut vector).is_err());
    assert!(embed(&encoder(0), &[], Precision::Int8).is_empty());
}

#[test]
fn wrong_weights_are_named() {
    let (model, weights) = (sp_model(&[]), weights());
    for name in weights.keys() {
        let mut without = weights.clone();
        without.remove(name);
        let error = Encoder::new(&model, &without, 0).err();
        assert_eq!(error, Some(ModelError::Missing { name: name.clone() }));
        let mut short = weights.clone();
        match &mut short.get_mut(name).unwrap().values {
            Values::F32(values) => drop(values.pop()),
            Values::U8(values) => drop(values.pop()),
            Values::Other(_) => {}
        }
        assert!(
            matches!(Encoder::new(&model, &short, 0), Err(ModelError::WrongArray { name: wrong, .. }) if wrong == *name)
        );
    }
    let mut endless = weights.clone();
    let shape = vec![320, 320];
    let mut values = vec![0.0; 320 * 320];
    values[7] = f32::NAN;
    endless.insert("d1".into(), Array { shape, values: Values::F32(values) });
    let message = Encoder::new(&model, &endless, 0).err().unwrap().to_string();
    assert_eq!(message, "the weights' array `d1` must be finite numbers, not with NaN among them");
    let mut other = weights;
    other.insert("lo".into(), Array { shape: vec![17], values: Values::Other("int64".into()) });
    let message = Encoder::new(&model, &other, 0).err().unwrap().to_string();
    assert_eq!(message, "the weights' array `lo` must be float32 [17], not int64 [17]");
}

proptest! {
    #[test]
    fn pieces_are_those_of_the_slow_search(text in "[abcz 好你𝄞▁]{0,40}") {
        let text = text.replace('▁', "");
        let model = Unigram::new(&sp_model(&[])).unwrap();
        let mut found = Vec::new();
        model.encode(&text, &mut Scratch::default(), &mut found);
        prop_assert_eq!(found, slow_pieces(&text));
    }

    #[test]
    fn no_model_makes_it_panic(cut in 0usize..400, garbage in proptest::collection::vec(any::<u8>(), 0..60), text in ".*") {
        let mut table = (garbage.len() as u32 & !3).to_le_bytes().to_vec();
        table.extend_from_slice(&garbage);
        table.push(0);
        let models = [sp_model(&garbage), sp_model(&table), sp_model(&[])];
        for model in models.iter().map(|model| &model[..]).chain([&garbage[..], &models[2][..cut.min(models[2].len())]]) {
            if let Ok(model) = Unigram::new(model) {
                let mut ids = Vec::new();
                model.encode(&text, &mut Scratch::default(), &mut ids);
                prop_assert!(!ids.is_empty() && ids.iter().all(|&id| (id as usize) < model.len()));
            }
        }
    }

    #[test]
    fn a_text_begins_and_ends(text in ".{0,30}") {
        let mut ids = Vec::new();
        let model = Unigram::new(&sp_model(&[])).unwrap();
        model.encode(&text, &mut Scratch::default(), &mut ids);
        prop_assert!(!ids.contains(&START) && !ids.contains(&END) || text.contains("s>"));
    }
}
