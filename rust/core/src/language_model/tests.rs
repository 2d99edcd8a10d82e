//! The model beside a slow and obvious one.

use std::collections::{BTreeSet, HashMap};

use proptest::prelude::*;

use super::counts::{Counts, Room, count};
use super::discounts::Discount;
use super::stream::{self, Stream};
use super::vocabulary::of_characters;
use super::*;
use crate::progress::Progress;

/// Interpolated modified Kneser-Ney as the paper writes it, in maps.
struct Slow {
    order: usize,
    types: usize,
    /// Adjusted counts by n-gram.
    counts: HashMap<Vec<u32>, u64>,
    discounts: Vec<Discount>,
}

impl Slow {
    fn of(texts: &[Vec<u32>], types: usize, order: usize) -> Self {
        let mut raw: HashMap<Vec<u32>, u64> = HashMap::new();
        for text in texts {
            let sentence: Vec<u32> = [&[BEGIN][..], text, &[END]].concat();
            for end in 2..=sentence.len() {
                for start in end.saturating_sub(order)..end {
                    *raw.entry(sentence[start..end].to_vec()).or_default() += 1;
                }
            }
        }
        let mut before: HashMap<Vec<u32>, BTreeSet<u32>> = HashMap::new();
        for ngram in raw.keys() {
            before.entry(ngram[1..].to_vec()).or_default().insert(ngram[0]);
        }
        let adjusted = |(ngram, &count): (&Vec<u32>, &u64)| {
            let whole = ngram.len() == order || ngram[0] == BEGIN;
            (ngram.clone(), if whole { count } else { before[ngram].len() as u64 })
        };
        let counts: HashMap<Vec<u32>, u64> = raw.iter().map(adjusted).collect();
        let of_order = |order: usize| {
            let with = |value: u64| {
                counts.iter().filter(|(ngram, count)| ngram.len() == order && **count == value).count() as u64
            };
            Discount::of([with(1), with(2), with(3), with(4)]).0
        };
        let discounts = (1..=order).map(of_order).collect();
        Self { order, types, counts, discounts }
    }

    fn probability(&self, context: &[u32], token: u32) -> f64 {
        let context = &context[context.len().saturating_sub(self.order - 1)..];
        let lower = match context.split_first() {
            Some((_, rest)) => self.probability(rest, token),
            None => 1.0 / (self.types - 1) as f64,
        };
        let discount = self.discounts[context.len()];
        let follows =
            self.counts.iter().filter(|(ngram, _)| ngram.split_last().is_some_and(|(_, first)| first == context));
        let (mut sum, mut left, mut own) = (0.0, 0.0, 0.0);
        for (ngram, &count) in follows {
            sum += count as f64;
            left += discount.from(count as u32);
            if ngram.last() == Some(&token) {
                own = count as f64 - discount.from(count as u32);
            }
        }
        if sum == 0.0 { lower } else { own / sum + left / sum * lower }
    }

    /// The log-probability of each token of a text.
    fn score(&self, text: &[u32]) -> Vec<f64> {
        let sentence: Vec<u32> = [&[BEGIN][..], text, &[END]].concat();
        (1..sentence.len()).map(|at| self.probability(&sentence[..at], sentence[at]).ln()).collect()
    }
}

fn settings(order: usize) -> Parameters {
    Parameters { order, memory: 1 << 30 }
}

fn trained(texts: &[&str], order: usize) -> Result<(Estimated, LanguageModel), LanguageModelError> {
    let progress = Progress::default();
    let mut estimated = train(texts, settings(order), &progress)?;
    let model = LanguageModel::of(&mut estimated, b"notes", &progress)?;
    Ok((estimated, model))
}

fn ids(vocabulary: &Vocabulary, text: &str) -> Vec<u32> {
    text.chars().map(|one| vocabulary.token(u32::from(one))).collect()
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![3 => "[abcd]{0,9}", 1 => "[你我他好吗？\n 𠀀x]{0,12}"]
}

fn arpa_of(estimated: &Estimated) -> Result<Vec<u8>, LanguageModelError> {
    let mut bytes = Vec::new();
    arpa::write(estimated, &Progress::default(), &mut |part| {
        bytes.extend_from_slice(part);
        Ok(())
    })?;
    Ok(bytes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn scores_are_those_of_the_slow_model(
        texts in prop::collection::vec(text(), 1..25),
        asked in prop::collection::vec(text(), 0..6),
        order in 1_usize..=6,
    ) {
        let borrowed: Vec<&str> = texts.iter().map(String::as_str).collect();
        let (estimated, model) = trained(&borrowed, order)?;
        let vocabulary = model.vocabulary();
        let sentences: Vec<Vec<u32>> = borrowed.iter().map(|text| ids(vocabulary, text)).collect();
        let slow = Slow::of(&sentences, vocabulary.len(), order);
        let all: Vec<&str> = borrowed.iter().copied().chain(asked.iter().map(String::as_str)).collect();
        let scores = score_texts(&model, &all, &Progress::default())?;
        let again = arpa_of(&estimated)?;
        let mut imported = arpa::read(&again, &Progress::default())?;
        let imported = LanguageModel::of(&mut imported, b"", &Progress::default())?;
        for (text, score) in all.iter().zip(scores) {
            let wanted = slow.score(&ids(vocabulary, text));
            let sum: f64 = wanted.iter().sum();
            let near = 2e-5 * wanted.len() as f64;
            prop_assert_eq!(score.tokens as usize, wanted.len());
            prop_assert!((score.log_probability - sum).abs() < near, "{} {} {}", text, score.log_probability, sum);
            for model in [&model, &imported] {
                let tokens = model.tokens(text)?;
                for (token, wanted) in tokens.iter().zip(&wanted) {
                    prop_assert!((token.log_probability - wanted).abs() < 6e-5, "{} {:?} {}", text, token, wanted);
                }
                prop_assert_eq!(tokens.len(), wanted.len());
            }
        }
    }

    #[test]
    fn the_order_of_texts_changes_no_byte(texts in prop::collection::vec(text(), 1..30), order in 1_usize..=6) {
        let mut borrowed: Vec<&str> = texts.iter().map(String::as_str).collect();
        let (_, model) = trained(&borrowed, order)?;
        borrowed.reverse();
        let threads = rayon::ThreadPoolBuilder::new().num_threads(3).build();
        let other = match threads {
            Ok(threads) => threads.install(|| trained(&borrowed, order))?.1,
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        };
        prop_assert!(model.image() == other.image());
    }

    #[test]
    fn ranges_change_no_count(texts in prop::collection::vec(text(), 1..30), order in 1_usize..=6, bytes in 200_u64..4000) {
        let borrowed: Vec<&str> = texts.iter().map(String::as_str).collect();
        let progress = Progress::default();
        let counted = stream::count(&borrowed[..], &progress)?;
        let vocabulary = of_characters(&counted.characters)?;
        let stream = Stream::read(&borrowed[..], &counted.lengths, &vocabulary, &progress)?;
        let counts = |limit| {
            count(&stream, vocabulary.len(), order, &Room { limit, held: 0, after: &|_| 0 }, &progress)
        };
        let same = |one: &Counts, other: &Counts| one.levels.iter().zip(&other.levels).all(|(one, other)| {
            one.tokens == other.tokens && one.counts == other.counts && one.first_child == other.first_child
        });
        let wide = counts(1 << 40)?;
        match counts(bytes) {
            Ok(narrow) => prop_assert!(same(&wide, &narrow)),
            Err(LanguageModelError::Memory { needed, .. }) => {
                // More may be needed for what was not yet known, and then that is enough.
                match counts(needed) {
                    Ok(narrow) => prop_assert!(same(&wide, &narrow)),
                    Err(LanguageModelError::Memory { needed: more, .. }) => {
                        prop_assert!(more > needed && same(&wide, &counts(more)?));
                    }
                    Err(other) => return Err(TestCaseError::fail(other.to_string())),
                }
            }
            Err(other) => return Err(TestCaseError::fail(other.to_string())),
        }
    }

    #[test]
    fn a_damaged_image_is_an_error(at in any::<prop::sample::Index>(), bit in 0_u32..8, cut in any::<prop::sample::Index>()) {
        let (_, model) = trained(&["你好吗", "我好", "abab\n"], 3)?;
        let mut image = model.image().to_vec();
        prop_assert!(LanguageModel::open(Box::new(image.clone())).is_ok_and(|same| same.image() == model.image()));
        let short = image[..cut.index(image.len())].to_vec();
        prop_assert!(LanguageModel::open(Box::new(short)).is_err());
        let place = at.index(image.len());
        image[place] ^= 1 << bit;
        // What fills a line up is under a checksum too, save for that beside the checksums themselves.
        if LanguageModel::open(Box::new(image)).is_ok() {
            prop_assert!((264..320).contains(&place), "{}", place);
        }
    }

    #[test]
    fn no_arpa_file_panics(change in any::<prop::sample::Index>(), by in prop::collection::vec(any::<u8>(), 0..4)) {
        let (estimated, _) = trained(&["你好吗", "我好 ab", "abab\n"], 3)?;
        let mut bytes = arpa_of(&estimated)?;
        let place = change.index(bytes.len());
        bytes.splice(place..bytes.len().min(place + 2), by);
        match arpa::read(&bytes, &Progress::default()) {
            Ok(mut read) => {
                let model = LanguageModel::of(&mut read, b"", &Progress::default())?;
                prop_assert_eq!(score_texts(&model, &["你好", ""], &Progress::default()).map_or(0, |scores| scores.len()), 2);
            }
            Err(LanguageModelError::Arpa { line, .. }) => prop_assert!(line >= 1),
            Err(LanguageModelError::Damaged(_)) => {}
            Err(other) => return Err(TestCaseError::fail(other.to_string())),
        }
    }
}

#[test]
fn long_texts_are_cut_without_a_trace() -> Result<(), LanguageModelError> {
    let long: String = (0..30_000_u32).map(|at| char::from(b'a' + (at * at / 7 % 11) as u8)).collect();
    let (_, model) = trained(&[&long, "ab", &long[5000..9000]], 5)?;
    for text in [&long[..], &long[..2047], &long[..4096], &long[3..4100], ""] {
        let scores = score_texts(&model, &["ab", text, "ab"], &Progress::default())?;
        let tokens = model.tokens(text)?;
        let sum: f64 = tokens.iter().map(|token| token.log_probability).sum();
        assert_eq!(scores[1].tokens as usize, tokens.len());
        assert!((scores[1].log_probability - sum).abs() < 1e-6, "{} {sum}", scores[1].log_probability);
        assert_eq!(scores[0], scores[2]);
    }
    Ok(())
}

#[test]
fn pruned_models_of_other_tools_are_read() -> Result<(), LanguageModelError> {
    // No bigram "b c", with which "a b c" ends; contexts without a back-off weight; words of more than a character.
    let file =
        b"comment\n\n\\data\\\nngram 1=6\nngram 2=3\nngram 3=1\n\n\\1-grams:\n-1\t<unk>\n-99\t<s>\t-0.5\n-0.7 </s>\n\
        -0.9\taa\t-0.3\n-0.8\tb\t-0.2\n-1.1\tc\n\n\\2-grams:\n-0.2\t<s> aa\t-0.1\n-0.4\taa b\t-0.25\n-0.3\tc </s>\n\n\
        \\3-grams:\n-0.05\taa b c\n\n\\end\\\n";
    let mut estimated = arpa::read(file, &Progress::default())?;
    let model = LanguageModel::of(&mut estimated, b"", &Progress::default())?;
    assert_eq!((model.info().kind, model.info().ngrams), (Kind::Words, vec![6, 4, 1]));
    let ten = |text: &str| -> Result<Vec<f64>, LanguageModelError> {
        Ok(model
            .tokens(text)?
            .iter()
            .map(|token| (token.log_probability / std::f64::consts::LN_10 * 1e4).round() / 1e4)
            .collect())
    };
    assert_eq!(ten("aa b c")?, [-0.2, -0.5, -0.05, -0.3]);
    assert_eq!(ten(" b  c")?, [-1.3, -1.3, -0.3]);
    assert_eq!(ten("zz aa")?, [-1.5, -0.9, -1.0]);
    // What was added counts as known.
    let tokens = model.tokens(" b  c")?;
    assert_eq!((tokens[1].start, tokens[1].end, tokens[2].start, tokens[1].order), (4, 5, 5, 2));
    Ok(())
}

#[test]
fn errors_of_arpa_files_name_the_line() {
    let head = "\\data\\\nngram 1=3\n\n\\1-grams:\n-1 <unk>\n-9 <s>\n";
    for (file, line) in [
        (String::new(), 1),
        ("你好\n".repeat(2000), 1001),
        ("\\data\\\nngram 2=3\n".to_owned(), 2),
        (head.to_owned(), 6),
        (format!("{head}-1 a\n\\end\\\n"), 8),
        (format!("{head}0.5 </s>\n\\end\\\n"), 7),
        (format!("{head}-1 </s>\n-1 a\n"), 8),
        (format!("{head}x </s>\n"), 7),
        (format!("{head}-1 </s> {}\n", "x".repeat(1 << 17)), 7),
    ] {
        let error = arpa::read(file.as_bytes(), &Progress::default()).err();
        assert!(matches!(error, Some(LanguageModelError::Arpa { line: at, .. }) if at == line), "{line}: {error:?}");
    }
}

#[test]
fn what_cannot_be_trained_is_an_error() {
    let progress = Progress::default();
    let error = |texts: &[&str], order, memory| train(texts, Parameters { order, memory }, &progress).err();
    assert_eq!(error(&[], 3, 1 << 30), Some(LanguageModelError::NoText));
    assert!(matches!(error(&["a"], 7, 1 << 30), Some(LanguageModelError::Parameter { name: "order", .. })));
    assert!(matches!(error(&["a"], 3, 5), Some(LanguageModelError::Memory { limit: 5, .. })));
    progress.cancel();
    assert!(matches!(error(&["a"], 3, 1 << 30), Some(LanguageModelError::Cancelled(_))));
}
