//! Chinese phrases that say something else than their words do one by one, and numbers inside of words.

use jieba_rs::Tag;

use super::numbers::{Numeral, numeral};

/// The word that says the same as the phrase that begins at `at`, and how many words that is. The word is empty for a
/// phrase that may come and go.
///
/// `digit` says whether a digit follows behind the last word.
pub fn phrase(words: &[Tag], at: usize, digit: bool) -> Option<(&'static str, usize)> {
    let word = |at: usize| words.get(at).map_or("", |tag| tag.word);
    // Most words begin no phrase.
    if !word(at).starts_with(|found| {
        matches!(found, '不' | '最' | '过' | '现' | '将' | '未' | '完' | '进' | '新' | '地' | '世')
    }) {
        return None;
    }
    let counted = |end: usize| {
        if end < words.len() { numeral_start(word(end)) } else { digit }
    };
    let asked = || {
        words[at.saturating_sub(3)..at]
            .iter()
            .any(|tag| matches!(tag.word, "什么" | "何" | "哪些" | "啥" | "有何" | "如何"))
    };
    Some(match (word(at), word(at + 1)) {
        ("不", "超过" | "多于" | "大于" | "高于" | "超出" | "超") | ("不多" | "不大" | "不高", "于") => {
            ("至多", 2)
        }
        ("不", "少于" | "低于" | "小于") | ("不少" | "不低" | "不小", "于") => ("至少", 2),
        ("最", "多") if counted(at + 2) => ("至多", 2),
        ("最多", _) if counted(at + 1) => ("至多", 1),
        ("最", "少") if counted(at + 2) => ("至少", 2),
        ("最少", _) if counted(at + 1) => ("至少", 1),
        ("不", "一样" | "相同") => (if asked() { "区别" } else { "" }, 2),
        ("不同", _) if asked() => ("区别", 1),
        ("过去", "时" | "时态" | "式") => ("过去时", 2),
        ("现在", "时" | "时态") => ("现在时", 2),
        ("将来" | "未来", "时" | "时态") => ("将来时", 2),
        ("完成", "时" | "时态") => ("完成时", 2),
        ("进行", "时" | "时态") => ("进行时", 2),
        ("新", "冠") => ("新冠", 2),
        ("地球" | "世界", "上") => ("世界", 2),
        _ => return None,
    })
}

/// Whether the number at `at` only says again how many there are: 猫和狗两个, 这三个词, 以下两句.
pub fn restates(words: &[Tag], at: usize) -> bool {
    let before = |steps: usize| at.checked_sub(steps).map_or("", |at| words[at].word);
    if matches!(before(1), "这" | "那" | "此") {
        return true;
    }
    let pair = words[at].word.starts_with(['两', '二', '俩']);
    pair && (matches!(before(1), "以下" | "下列" | "上述" | "如下" | "下面" | "上面")
        || (at >= 3
            && words[at.saturating_sub(4)..at - 1].iter().any(|tag| matches!(tag.word, "和" | "与" | "跟" | "及"))
            && words[at - 1].tag.starts_with('n')))
}

/// Whether the denial at `at` is one side of a question that names both: 有效还是无效, 是或否, 是就…不是就….
pub fn alternative(words: &[Tag], at: usize) -> bool {
    let word = |at: usize| words.get(at).map_or("", |tag| tag.word);
    let denial = word(at);
    if denial == "不是" && matches!(word(at + 1), "就" | "则" | "的话") {
        return true;
    }
    let Some(before) = at.checked_sub(2) else { return false };
    let affirmed = word(before);
    // 不 可以 is denied by two words.
    let denied = if denial.chars().nth(1).is_some() { denial } else { word(at + 1) };
    matches!(word(at - 1), "还是" | "或" | "或者" | "和" | "与")
        && (matches!((affirmed, denial), ("是", "否" | "不是"))
            || affirmed == denied
            || (denied.chars().nth(1).is_some() && affirmed.chars().next_back() == denied.chars().next_back()))
}

/// Whether a character counts things behind a number, and is no part of what is counted.
pub fn measure(character: char) -> bool {
    "个種种句位條条項项名篇首段件張张本次頁页行封門门道部座只隻".contains(character)
}

/// Whether a dictionary word begins with a numeral.
fn numeral_start(word: &str) -> bool {
    word.starts_with(|found| numeral(found).is_some())
}

/// Where the number ends in a dictionary word that is no number but begins with one (二十世纪, 三句话, 第二语言), and where
/// the thing begins that it counts. None for the others (三角形, 四川).
pub fn counted(word: &str) -> Option<(usize, usize)> {
    if !numeral_start(word) && !word.starts_with('第') {
        return None;
    }
    let ordinal = word.strip_prefix('第');
    let rest = ordinal.unwrap_or(word).trim_start_matches(|found| numeral(found).is_some());
    let end = word.len() - rest.len();
    let numerals = word[..end].chars().count() - usize::from(ordinal.is_some());
    let measured = rest.starts_with(measure);
    let many = ordinal.is_some() || numerals > 1 && rest.starts_with("世纪") || measured && !word.starts_with('一');
    let thing = rest.trim_start_matches(measure);
    (numerals > 0 && !thing.is_empty() && many).then(|| (end, word.len() - thing.len()))
}

/// Whether a dictionary word is a number with what it counts: 五种, 第三章, 十月, 二十.
pub fn counts(word: &str, tag: &str) -> bool {
    word.starts_with(|found| found == '第' || numeral(found).is_some())
        && (matches!(tag, "m" | "mq" | "t" | "j") || word.chars().all(|found| numeral(found).is_some()))
}

/// The day of the week that a word names by its number.
pub fn weekday(word: &str) -> Option<u8> {
    let rest = word.strip_prefix("星期").or_else(|| word.strip_prefix("礼拜")).or_else(|| word.strip_prefix('周'))?;
    let mut rest = rest.chars();
    match (rest.next().map(numeral), rest.next()) {
        (Some(Some(Numeral::Digit(day))), None) => Some(day),
        _ => None,
    }
}
