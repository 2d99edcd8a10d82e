//! Numbers as values: Arabic and full-width digits, Chinese numerals, English number words.
//!
//! A value is kept as a hash of its canonical decimal digits, so that `3`, `３`, `三`, `3.0` and `three` are equal and no
//! length of digits overflows.

use super::hash::Hash;

/// A decimal number while it is read.
#[derive(Debug, Default)]
pub struct Decimal {
    /// Digits 0 to 9, most significant first.
    digits: Vec<u8>,
    /// How many of the digits stand before the decimal point; more than there are means zeros to add.
    point: usize,
}

/// More digits than this say nothing more about which number it is.
const MAX_DIGITS: usize = 64;

impl Decimal {
    /// Reads digits with an optional fraction, such as `3`, `1,000` without its commas, or `3.14`.
    pub fn parse(whole: &[u8], fraction: &[u8]) -> Self {
        let whole = &whole[..whole.len().min(MAX_DIGITS)];
        let fraction = &fraction[..fraction.len().min(MAX_DIGITS)];
        Self { digits: [whole, fraction].concat(), point: whole.len() }
    }

    /// Multiplies by a power of ten.
    pub fn shift(&mut self, power: u32) {
        self.point += power as usize;
    }

    /// The identity of the value; a percentage is another value than the plain number.
    pub fn key(&self, percent: bool) -> u32 {
        let mut hash = Hash::new(if percent { b'%' } else { b'#' });
        let mut whole = true;
        let end = self.digits.len().max(self.point).min(MAX_DIGITS * 2);
        let last = (0..self.digits.len()).rev().find(|&at| at >= self.point && self.digits[at] != 0);
        let mut started = false;
        for at in 0..end {
            if at == self.point {
                whole = false;
            }
            let digit = self.digits.get(at).copied().unwrap_or(0);
            if whole {
                started |= digit != 0;
                if started {
                    hash.byte(digit);
                }
            } else {
                let Some(last) = last else { break };
                if at > last {
                    break;
                }
                if at == self.point {
                    hash.byte(b'.');
                }
                hash.byte(digit);
            }
        }
        hash.key()
    }
}

/// What a character of a Chinese numeral stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numeral {
    /// 0 to 9.
    Digit(u8),
    /// A power of ten: 1 to 4, or 8.
    Unit(u32),
}

/// The meaning of a numeral, written simply, traditionally or as on a cheque.
pub fn numeral(character: char) -> Option<Numeral> {
    Some(match character {
        '零' | '〇' => Numeral::Digit(0),
        '一' | '壹' => Numeral::Digit(1),
        '二' | '两' | '兩' | '贰' | '貳' | '俩' => Numeral::Digit(2),
        '三' | '叁' | '參' | '仨' => Numeral::Digit(3),
        '四' | '肆' => Numeral::Digit(4),
        '五' | '伍' => Numeral::Digit(5),
        '六' | '陆' | '陸' => Numeral::Digit(6),
        '七' | '柒' => Numeral::Digit(7),
        '八' | '捌' => Numeral::Digit(8),
        '九' | '玖' => Numeral::Digit(9),
        '十' | '拾' => Numeral::Unit(1),
        '百' | '佰' => Numeral::Unit(2),
        '千' | '仟' => Numeral::Unit(3),
        '万' | '萬' => Numeral::Unit(4),
        '亿' | '億' => Numeral::Unit(8),
        _ => return None,
    })
}

/// A number in Chinese numerals while it is read.
#[derive(Debug, Default)]
pub struct Spelling {
    whole: Vec<Numeral>,
    /// What follows 点.
    fraction: Option<Vec<u8>>,
    /// The unit behind the fraction: 4 in 三点五万.
    power: u32,
    /// 百分之 stood before it.
    pub percent: bool,
    /// It says again how many there are.
    pub again: bool,
}

impl Spelling {
    /// Takes in the next numeral.
    pub fn push(&mut self, numeral: Numeral) {
        match (numeral, &mut self.fraction) {
            (Numeral::Digit(digit), Some(fraction)) => fraction.push(digit),
            (Numeral::Unit(power), Some(_)) => self.power += power,
            (numeral, None) if self.whole.len() < MAX_DIGITS => self.whole.push(numeral),
            _ => {}
        }
    }

    /// Takes in the decimal point.
    pub fn point(&mut self) {
        self.fraction = Some(Vec::new());
    }

    /// Whether a decimal point may come.
    pub fn open(&self) -> bool {
        !self.whole.is_empty() && self.fraction.is_none()
    }

    /// Whether it is the numeral 一 alone.
    pub fn is_one(&self) -> bool {
        self.whole == [Numeral::Digit(1)] && self.fraction.is_none() && !self.percent
    }

    /// The identity of the value; None where there is no number.
    pub fn key(&self) -> Option<u32> {
        let mut number = chinese(&self.whole, self.fraction.as_deref().unwrap_or_default())?;
        number.shift(self.power);
        Some(number.key(self.percent))
    }

    /// Forgets the number.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

/// The number that a run of numerals stands for: `二十三`, `二〇二〇`, `一百二十万`, with `fraction` what follows 点.
///
/// None for a run of hundreds and more without any digit (百, 千万): such a word counts nothing.
fn chinese(run: &[Numeral], fraction: &[u8]) -> Option<Decimal> {
    if run.is_empty() {
        return None;
    }
    let digit = |numeral: &Numeral| match numeral {
        Numeral::Digit(digit) => Some(*digit),
        Numeral::Unit(_) => None,
    };
    if let Some(digits) = run.iter().map(digit).collect::<Option<Vec<u8>>>() {
        return Some(Decimal::parse(&digits, fraction));
    }
    if run.iter().all(|&numeral| matches!(numeral, Numeral::Unit(power) if power > 1)) {
        return None;
    }
    let (mut total, mut section, mut pending) = (0_u128, 0_u128, None);
    let mut last_unit = 0;
    let mut zero = false;
    for &numeral in run {
        match numeral {
            Numeral::Digit(digit) => {
                zero |= digit == 0;
                pending = Some(pending.unwrap_or(0_u128).saturating_mul(10).saturating_add(u128::from(digit)));
            }
            Numeral::Unit(power) if power >= 4 => {
                section = section.saturating_add(pending.take().unwrap_or(0));
                // 一百万亿: a larger unit multiplies all that stands before it.
                total = total.saturating_add(section).saturating_mul(10_u128.pow(power));
                section = 0;
                last_unit = power;
                zero = false;
            }
            Numeral::Unit(power) => {
                let count = pending.take().filter(|&count| count > 0).unwrap_or(1);
                section = section.saturating_add(count.saturating_mul(10_u128.pow(power)));
                last_unit = power;
                zero = false;
            }
        }
    }
    if let Some(rest) = pending {
        // 三百五 is 350, but 三百零五 is 305.
        let rest = if last_unit > 1 && !zero && rest < 10 { rest * 10_u128.pow(last_unit - 1) } else { rest };
        section = section.saturating_add(rest);
    }
    let digits: Vec<u8> = total.saturating_add(section).to_string().bytes().map(|byte| byte - b'0').collect();
    Some(Decimal::parse(&digits, fraction))
}

/// A number in English words while it is read.
#[derive(Debug, Default)]
pub struct Spelled {
    total: u64,
    section: Option<u64>,
}

impl Spelled {
    /// Takes in a word in lower case, if it goes on with the number; a word that begins another number does not.
    pub fn take_in(&mut self, word: &str) -> bool {
        if word == "and" {
            return self.section.is_some_and(|section| section > 0 && section % 100 == 0);
        }
        match (english(word), self.section) {
            (Some((value, false)), None) => self.section = Some(value),
            (Some((value, false)), Some(section))
                if (section % 10 == 0 && section % 100 > value) || section % 100 == 0 =>
            {
                self.section = Some(section.saturating_add(value));
            }
            (Some((100, true)), Some(section)) => self.section = Some(section.saturating_mul(100)),
            (Some((value, true)), Some(section)) => {
                self.total = self.total.saturating_add(section.saturating_mul(value));
                self.section = Some(0);
            }
            _ => return false,
        }
        true
    }

    /// The value, if there is one, which is then forgotten.
    pub fn take(&mut self) -> Option<u64> {
        let value = self.section.take()?.saturating_add(self.total);
        self.total = 0;
        Some(value)
    }
}

/// Value of an English number word in lower case, cardinal or ordinal, and whether it multiplies what stands before it.
///
/// `second` is left out: it is more often a time. `one` is here, but callers treat it as they treat 一.
fn english(word: &str) -> Option<(u64, bool)> {
    const WORDS: &[(&str, u64)] = &[
        ("zero", 0),
        ("one", 1),
        ("two", 2),
        ("three", 3),
        ("third", 3),
        ("four", 4),
        ("fourth", 4),
        ("five", 5),
        ("fifth", 5),
        ("six", 6),
        ("sixth", 6),
        ("seven", 7),
        ("seventh", 7),
        ("eight", 8),
        ("eighth", 8),
        ("nine", 9),
        ("ninth", 9),
        ("ten", 10),
        ("tenth", 10),
        ("eleven", 11),
        ("twelve", 12),
        ("thirteen", 13),
        ("fourteen", 14),
        ("fifteen", 15),
        ("sixteen", 16),
        ("seventeen", 17),
        ("eighteen", 18),
        ("nineteen", 19),
        ("twenty", 20),
        ("thirty", 30),
        ("forty", 40),
        ("fifty", 50),
        ("sixty", 60),
        ("seventy", 70),
        ("eighty", 80),
        ("ninety", 90),
    ];
    const MULTIPLIERS: &[(&str, u64)] =
        &[("hundred", 100), ("thousand", 1000), ("million", 1_000_000), ("billion", 1_000_000_000)];
    let find = |table: &[(&str, u64)]| table.iter().find(|(name, _)| *name == word).map(|&(_, value)| value);
    find(WORDS).map(|value| (value, false)).or_else(|| find(MULTIPLIERS).map(|value| (value, true)))
}
