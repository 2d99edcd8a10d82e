//! What the rules measure: the same for a row alone and among others, at every instruction set, with spans that lie in
//! the texts; and what they decide from it.

use belle_core::batch::{Role, Rows};
use belle_core::rules::{COUNT, MEASURES, REASONS, RowMeasures, Rules, Thresholds, Unit};

use super::choices::Choices;
use super::texts::TextRows;
use super::{at_every_level, with_any_threads, with_one_thread};

/// Pieces that some rule looks for, and such as stand beside them.
const PIECES: &[&str] = &[
    "作为一个AI语言模型，",
    "我",
    "无法",
    "抱歉，",
    "。",
    "\n",
    "[插入",
    "图]",
    "http://a.b/",
    " ",
    "啦啦",
    "请翻译成英文",
    "the ",
    "is ",
    "cat",
    "中文",
    "汉字",
    "Ã©",
    "锟斤拷",
    "�",
    "```",
    "1. ",
    "![](",
    ")",
    "As an AI language model, ",
    "I cannot ",
    "对不起",
    "<img src=",
    "？",
    "xxxxxxxxxxxxxxxxxxxxxxxx",
    "____",
    "：",
    "XX",
    "{",
    "}",
    "é",
    "한국어",
    "かな",
    "😀",
    "\u{0}",
    "Sorry",
    "www.",
    "你的名字",
    "「",
    "」",
    "一二三四五六七八九十",
    "\t",
    "，",
];
const ROLES: [Role; 6] = [Role::User, Role::Assistant, Role::System, Role::Text, Role::Observation, Role::FunctionCall];

/// Thresholds, then rows of turns.
pub fn check(data: &[u8]) {
    with_one_thread(|| check_alone(data));
}

fn check_alone(data: &[u8]) {
    let mut choices = Choices::of(data);
    let (layout, steps) = (choices.byte(), choices.byte());
    let mut rows = TextRows::default();
    let mut turns: Vec<Vec<(Role, String)>> = Vec::new();
    while turns.len() < 12 && !choices.is_empty() {
        let count = choices.below(4);
        let any = layout & 1 == 1;
        let turn = |at: usize| {
            let role = if any { choices.one_of(&ROLES) } else { ROLES[at % 2] };
            let text = choices.text(PIECES, 60);
            let times = if layout & 2 == 0 { 1 } else { choices.below(9) };
            (role, text.repeat(times))
        };
        turns.push((0..count).map(turn).collect());
    }
    for turns in &turns {
        rows.push(turns);
    }
    let numbers: Vec<u32> = (0..rows.len() as u32).map(|row| row * 2).collect();
    let parts: Vec<u16> =
        if layout & 4 == 0 { Vec::new() } else { numbers.iter().map(|&row| row as u16 % 3).collect() };
    let scan = || {
        let mut rules = Rules::new();
        rules.scan(rows.batch.view(), &numbers, &parts);
        rules
    };
    let bits = |rules: &Rules| -> Vec<Vec<u32>> {
        let column = |place| rules.values(place, 0..rows.len()).iter().map(|value| value.to_bits()).collect();
        (0..COUNT).map(column).collect()
    };
    let values = at_every_level(|| bits(&scan()));
    if steps.is_multiple_of(4) {
        assert_eq!(with_any_threads(|| bits(&scan())), values);
    }

    let mut used = RowMeasures::default();
    for (row, turns) in turns.iter().enumerate() {
        let mut explained = RowMeasures::default();
        explained.explains = true;
        let part = parts.get(row).copied().unwrap_or(0);
        used.measure(rows.batch.view(), row, part);
        explained.measure(rows.batch.view(), row, part);
        for (place, measure) in MEASURES.iter().enumerate() {
            let value = values[place][row];
            let both = [used.values[place].to_bits(), explained.values[place].to_bits()];
            assert_eq!(both, [value; 2], "{} of {turns:?}", measure.name);
            assert!(f32::from_bits(value).is_nan() || f32::from_bits(value) >= 0.0, "{}", measure.name);
            if let Some(span) = explained.spans[place] {
                let (_, text) = &turns[span.turn as usize];
                assert!(text.get(span.start as usize..span.end as usize).is_some(), "{} {span:?}", measure.name);
            }
        }
    }
    check_decisions(&scan(), &values, &numbers, layout, steps);
}

/// The first rule in the order of the table whose value is there and reaches its threshold gives the reason.
fn check_decisions(rules: &Rules, values: &[Vec<u32>], numbers: &[u32], layout: u8, steps: u8) {
    let mut thresholds = Thresholds::default();
    for (place, measure) in MEASURES.iter().enumerate() {
        let on = (usize::from(layout) >> 3).wrapping_mul(place + 1) % 3 != 2;
        let threshold = on.then(|| f64::from(steps) * [0.004, 0.1, 1.0][place % 3]);
        let never = measure.unit == Unit::Count && threshold.is_some_and(|threshold| threshold > 254.0);
        assert_eq!(thresholds.set(measure.name, threshold).is_err(), never, "{}", measure.name);
    }
    let alive: Vec<bool> = (0..=numbers.last().copied().unwrap_or(0)).map(|row| row % 8 != 2).collect();
    let removals = rules.finish(&thresholds, Some(&alive));
    let mut expected = Vec::new();
    for (at, &row) in numbers.iter().enumerate().filter(|&(_, &row)| alive[row as usize]) {
        let fires = |&place: &usize| {
            let value = f32::from_bits(values[place][at]);
            thresholds.0[place]
                .is_some_and(|threshold| !value.is_nan() && MEASURES[place].fires.holds(value, threshold))
        };
        expected.extend((0..COUNT).find(fires).map(|_| row));
    }
    assert_eq!(removals.iter().map(|removal| removal.row).collect::<Vec<_>>(), expected);
    assert!(removals.iter().all(|removal| usize::from(removal.reason) < REASONS.len()));
}
