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
        marks
            .words
            .iter()
            .filter(|word| !matches!(word.class, Class::Quote | Class::One | Class::Again))
            .copied()
            .collect()
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

/// Words before and behind the place where one thing becomes another that are looked at.
const REACH: usize = 4;

/// Such places of a text that are looked at.
const MAX_TURNS: usize = 8;

/// What stands before and behind a place where one thing becomes another or leads to it.
struct Turn {
    before: Vec<u32>,
    behind: Vec<u32>,
}

/// Whether two texts ask for the same the other way round: 把分数转换为小数, 把小数转换为分数; 从高到低, 从低到高.
///
/// One thing stands before the turn in the left text and behind it in the right one, and another the other way.
fn swapped(left: &[Word], right: &[Word]) -> bool {
    let turns = |words: &[Word]| -> Vec<Turn> {
        let things = |words: &[Word]| words.iter().filter(|word| !word.request).map(|word| word.key).collect();
        let places = words.iter().enumerate().filter(|(_, word)| word.target).map(|(at, _)| at);
        let around = |at: usize| Turn {
            before: things(&words[at.saturating_sub(REACH)..at]),
            behind: things(&words[at..words.len().min(at + REACH)]),
        };
        places.take(MAX_TURNS).map(around).collect()
    };
    let moved = |from: &[u32], to: &[u32], stays: &[u32], was: &[u32]| {
        from.iter().any(|key| to.contains(key) && !stays.contains(key) && !was.contains(key))
    };
    let others = turns(right);
    turns(left).iter().any(|turn| {
        others.iter().any(|other| {
            moved(&turn.before, &other.behind, &other.before, &turn.behind)
                && moved(&turn.behind, &other.before, &other.behind, &turn.before)
        })
    })
}

/// Words of what is given that are compared.
const MAX_GIVEN: usize = 64;

/// Whether what is given to work on is another thing: less than half of the words of either are in the other.
///
/// False where one text gives nothing: it may say in its first line what the other says below.
pub fn other_given(left: &[Word], right: &[Word]) -> bool {
    let content = |words: &[Word]| -> Vec<Word> {
        let named = |word: &&Word| matches!(word.class, Class::Noun | Class::Name | Class::Verb);
        words.iter().filter(named).take(MAX_GIVEN).copied().collect()
    };
    let (left, right) = (content(left), content(right));
    let found = |from: &[Word], to: &[Word]| {
        let known = |word: &&Word| to.iter().any(|other| word.key == other.key || akin(**word, *other).is_some());
        from.iter().filter(known).count() * 2 >= from.len()
    };
    !found(&left, &right) && !found(&right, &left)
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
    if forms_of_one(left, right) {
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

/// Whether a stretch of words seems to name what the other names: some of their words are akin, and no others stand
/// beside these in the same place.
fn forms_of_one(left: &[Word], right: &[Word]) -> bool {
    let thing = |word: &Word| matches!(word.class, Class::Noun | Class::Name);
    let pairs = || left.iter().zip(right);
    if left.len() == right.len() && pairs().any(|(&left, &right)| akin(left, right).is_some()) {
        // 神奇 生物 and 神秘 文物: the first are akin, the second are not.
        return !pairs().any(|(left, right)| {
            let known = left.common || right.common || left.key == right.key;
            !known && thing(left) && thing(right) && akin(*left, *right).is_none()
        });
    }
    left.iter().any(|&one| {
        right.iter().any(|&other| match akin(one, other) {
            None => false,
            Some(Likeness::Start) => true,
            // 股票价格 and 房屋 价格: what the longer word begins with is another thing.
            Some(Likeness::End) => {
                let (long, words) = if one.length > other.length { (one, right) } else { (other, left) };
                !words.iter().any(|word| word.length == 2 && thing(word) && akin(*word, long).is_none())
            }
        })
    })
}

/// In what two words are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Likeness {
    /// They begin with the same character: 方法, 方式.
    Start,
    /// One is the end of the other: 锻炼, 体育锻炼; 车, 汽车.
    End,
}

/// In what two words look like two forms of one.
///
/// The last character alone says nothing: it is the class of things that both belong to (春天, 秋天). Nor does the first
/// letter of a Latin word, or the first character of two names.
fn akin(left: Word, right: Word) -> Option<Likeness> {
    if left.length == 0 || right.length == 0 {
        return None;
    }
    if left.ends[0] == right.ends[0] && left.ends[0] >= 0x3400 && !(left.distinct && right.distinct) {
        return Some(Likeness::Start);
    }
    let end = match left.length.min(right.length) {
        1 => left.length.max(right.length) == 2 && !left.distinct && !right.distinct && left.ends[2] == right.ends[2],
        2 => left.ends[1..] == right.ends[1..],
        _ => false,
    };
    (end && left.ends[2] >= 0x3400).then_some(Likeness::End)
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
