//! Words exchanged in the same place: the word sequences of two texts are aligned, and what stands between equal words is
//! compared.

use super::{Class, Difference, Guard, Marks, Word};

/// Longest middles that are aligned, in words; longer ones are not "the same text with one word exchanged".
const MAX_MIDDLE: usize = 64;

/// Longest stretches, in words, that can be one thing: 祈使 句 for 疑问句.
const MAX_STRETCH: usize = 3;

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
    if swapped(&left, &right) {
        return Some(Difference::Name);
    }
    let prefix = left.iter().zip(&right).take_while(|(left, right)| left.key == right.key).count();
    let (left, right) = (&left[prefix..], &right[prefix..]);
    let suffix = left.iter().rev().zip(right.iter().rev()).take_while(|(left, right)| left.key == right.key).count();
    let (left, right) = (&left[..left.len() - suffix], &right[..right.len() - suffix]);
    if left.is_empty() || right.is_empty() || left.len() > MAX_MIDDLE || right.len() > MAX_MIDDLE {
        return None;
    }
    let gaps = gaps(left, right);
    let alone = gaps.len() == 1;
    let place = if alone && prefix == 0 {
        Place::Start
    } else if alone {
        Place::Inside
    } else {
        Place::OneOfMany
    };
    gaps.iter().filter_map(|(left, right)| exchanged(guard, left, right, place)).min()
}

/// Whether two texts ask for the same operation the other way round: 把分数转换为小数, 把小数转换为分数.
///
/// One thing stands before the operation in the left text and behind it in the right one, and another the other way.
fn swapped(left: &[Word], right: &[Word]) -> bool {
    let around = |words: &[Word]| -> Option<[Vec<u32>; 2]> {
        let at = words.iter().position(|word| word.operation)?;
        let things = |words: &[Word]| words.iter().filter(|word| !word.request).map(|word| word.key).collect();
        Some([things(&words[..at]), things(&words[at + 1..])])
    };
    let (Some([before, after]), Some([other_before, other_after])) = (around(left), around(right)) else {
        return false;
    };
    let moved = |from: &[u32], to: &[u32], stays: &[u32], was: &[u32]| {
        from.iter().any(|key| to.contains(key) && !stays.contains(key) && !was.contains(key))
    };
    moved(&before, &other_after, &other_before, &after) && moved(&after, &other_before, &other_after, &before)
}

/// Where a stretch of words stands that is exchanged for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Before all that is equal.
    Start,
    /// Behind words that are equal; all else is equal.
    Inside,
    /// There are other stretches.
    OneOfMany,
}

/// What is different when one stretch of words stands for another.
fn exchanged(guard: &Guard, left: &[Word], right: &[Word], place: Place) -> Option<Difference> {
    if let ([left], [right]) = (left, right) {
        if left.class == Class::Number && right.class == Class::Number {
            return Some(Difference::Number);
        }
        if guard.lexicon.opposite(left.key, right.key) || left.stem == right.key || right.stem == left.key {
            return Some(Difference::Negation);
        }
    } else if place == Place::OneOfMany
        || left.is_empty()
        || right.is_empty()
        || left.len().max(right.len()) > MAX_STRETCH
    {
        return None;
    }
    if left.iter().any(|&left| right.iter().any(|&right| akin(left, right))) {
        return None;
    }
    let names = |words: &[Word]| words.iter().any(|word| matches!(word.class, Class::Noun | Class::Name));
    let different = match (names(left), names(right)) {
        (true, true) => true,
        // A thing for an activity: 素食, 阅读. At the start of a text a verb may be the request, which has many forms.
        (true, false) | (false, true) => {
            place == Place::Inside
                || (place == Place::Start && !left.iter().chain(right).any(|word| word.request || word.common))
        }
        (false, false) => match (left, right) {
            // 总结 for 写: another operation.
            ([left], [right]) if left.request && right.request => place != Place::OneOfMany,
            _ => place == Place::Inside && left.iter().chain(right).all(|word| !word.common),
        },
    };
    different.then_some(Difference::Name)
}

/// Whether two words look like two forms of one: they begin with the same character (方法, 方式), or one is the end of the
/// other (锻炼, 体育锻炼).
///
/// The last character alone says nothing: it is the class of things that both belong to (春天, 秋天). Nor does the first
/// letter of a Latin word, or the first character of two names.
fn akin(left: Word, right: Word) -> bool {
    if left.length == 0 || right.length == 0 {
        return false;
    }
    let begins = left.ends[0] == right.ends[0] && left.ends[0] >= 0x3400 && !(left.distinct && right.distinct);
    let ends = left.ends[1..] == right.ends[1..] && left.length.min(right.length) == 2;
    begins || ends
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
