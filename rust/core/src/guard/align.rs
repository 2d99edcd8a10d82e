//! Words exchanged in the same place: the word sequences of two texts are aligned, and what stands between equal words is
//! compared.

use super::{Class, Difference, Guard, Marks, Word};

/// Longest middles that are aligned, in words; longer ones are not "the same text with one word exchanged".
const MAX_MIDDLE: usize = 64;

/// The difference between two texts that are equal but for words exchanged in the same place.
pub fn replaced(guard: &Guard, left: &Marks, right: &Marks) -> Option<Difference> {
    let content = |marks: &Marks| -> Vec<Word> {
        marks.words.iter().filter(|word| !matches!(word.class, Class::Quote | Class::One)).copied().collect()
    };
    let (mut left, mut right) = (content(left), content(right));
    // Of several longest common subsequences one is taken: the same whichever text comes first.
    if left.iter().map(|word| word.key).gt(right.iter().map(|word| word.key)) {
        std::mem::swap(&mut left, &mut right);
    }
    let prefix = left.iter().zip(&right).take_while(|(left, right)| left.key == right.key).count();
    let (left, right) = (&left[prefix..], &right[prefix..]);
    let suffix = left.iter().rev().zip(right.iter().rev()).take_while(|(left, right)| left.key == right.key).count();
    let (left, right) = (&left[..left.len() - suffix], &right[..right.len() - suffix]);
    if left.is_empty() || right.is_empty() || left.len() > MAX_MIDDLE || right.len() > MAX_MIDDLE {
        return None;
    }
    let gaps = gaps(left, right);
    let mut found: Option<Difference> = None;
    for (left, right) in &gaps {
        if let ([left], [right]) = (left, right) {
            let difference = exchanged(guard, *left, *right, gaps.len() == 1);
            found = match (found, difference) {
                (Some(found), Some(difference)) => Some(found.min(difference)),
                (found, difference) => found.or(difference),
            };
        }
    }
    found
}

/// What is different when one word stands for another. `alone`: all else is equal.
fn exchanged(guard: &Guard, left: Word, right: Word, alone: bool) -> Option<Difference> {
    if left.class == Class::Number && right.class == Class::Number {
        return Some(Difference::Number);
    }
    if guard.opposites.contains(&(left.key, right.key)) || left.stem == right.key || right.stem == left.key {
        return Some(Difference::Negation);
    }
    let names = |word: Word| matches!(word.class, Class::Noun | Class::Name);
    if names(left) && names(right) && !akin(left, right) {
        return Some(Difference::Name);
    }
    let _ = alone;
    None
}

/// Whether two words look like two forms of one: they begin with the same character (方法, 方式).
///
/// The last character says nothing: it is the class of things that both belong to (春天, 秋天).
fn akin(left: Word, right: Word) -> bool {
    left.ends[0] == right.ends[0]
}

/// The stretches of two sequences between the words of their longest common subsequence.
fn gaps<'a>(left: &'a [Word], right: &'a [Word]) -> Vec<(&'a [Word], &'a [Word])> {
    let width = right.len() + 1;
    // lengths[i * width + j]: length of the longest common subsequence of left[i..] and right[j..].
    let mut lengths = vec![0_u8; (left.len() + 1) * width];
    for i in (0..left.len()).rev() {
        for j in (0..right.len()).rev() {
            lengths[i * width + j] = if left[i].key == right[j].key {
                lengths[(i + 1) * width + j + 1] + 1
            } else {
                lengths[(i + 1) * width + j].max(lengths[i * width + j + 1])
            };
        }
    }
    let mut gaps = Vec::new();
    let (mut i, mut j) = (0, 0);
    let (mut from_left, mut from_right) = (0, 0);
    loop {
        let end = i == left.len() || j == right.len();
        if end || left[i].key == right[j].key {
            let (to_left, to_right) = if end { (left.len(), right.len()) } else { (i, j) };
            if from_left < to_left || from_right < to_right {
                gaps.push((&left[from_left..to_left], &right[from_right..to_right]));
            }
            if end {
                return gaps;
            }
            i += 1;
            j += 1;
            (from_left, from_right) = (i, j);
        } else if lengths[(i + 1) * width + j] >= lengths[i * width + j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
}
