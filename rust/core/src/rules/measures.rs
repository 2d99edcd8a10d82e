//! The rules: their names, what each is measured in, and when it fires.

/// What a value counts, which is also how it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Characters of a text, as many as there are.
    Characters,
    /// Finds, up to [`MOST_COUNTED`].
    Count,
    /// A share from 0 to 1, rounded down to a [`SHARE_STEPS`]th.
    Share,
}

/// On which side of the threshold a rule fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fires {
    /// A value below the threshold.
    Below,
    /// A value above the threshold.
    Above,
    /// The threshold itself, or a value above it.
    AtLeast,
}

impl Fires {
    /// The comparison as it is written: `<`, `>` or `>=`.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Below => "<",
            Self::Above => ">",
            Self::AtLeast => ">=",
        }
    }

    /// Whether a value fires; NaN, which is no value, never does.
    #[must_use]
    pub fn holds(self, value: f32, threshold: f32) -> bool {
        match self {
            Self::Below => value < threshold,
            Self::Above => value > threshold,
            Self::AtLeast => value >= threshold,
        }
    }
}

/// The most that a count says; more is the same.
pub const MOST_COUNTED: u8 = 254;
/// Shares are stored as so many parts of one.
pub const SHARE_STEPS: u16 = 60_000;

/// One rule.
#[derive(Clone, Copy, Debug)]
pub struct Measure {
    /// Name of the rule's setting and of its column of values.
    pub name: &'static str,
    /// Why a row goes, at the index in [`REASONS`]; several measures may share one.
    pub reason: u8,
    /// What the value counts.
    pub unit: Unit,
    /// On which side of the threshold the rule fires.
    pub fires: Fires,
}

/// Why rows go, in the order in which the rules are asked.
pub const REASONS: [&str; 13] = [
    "empty_answer",
    "mojibake",
    "short_prompt",
    "long_prompt",
    "short_answer",
    "long_answer",
    "answer_is_instruction",
    "repetition",
    "speaks_as_ai",
    "refusal",
    "other_language",
    "placeholder",
    "link_or_media",
];

const fn measure(name: &'static str, reason: u8, unit: Unit, fires: Fires) -> Measure {
    Measure { name, reason, unit, fires }
}

/// Number of measures.
pub const COUNT: usize = 27;

/// Place in [`MEASURES`] of each measure.
pub mod at {
    /// Answers that are empty, and one for a conversation without any.
    pub const EMPTY_ANSWER: usize = 0;
    /// Characters that a wrong decoding has left.
    pub const MOJIBAKE: usize = 1;
    /// Characters of all that the model is given.
    pub const SHORT_PROMPT: usize = 2;
    /// The same.
    pub const LONG_PROMPT: usize = 3;
    /// Characters of the shortest answer.
    pub const SHORT_ANSWER: usize = 4;
    /// Characters of the longest answer.
    pub const LONG_ANSWER: usize = 5;
    /// Answers that say what they were asked.
    pub const ANSWER_IS_INSTRUCTION: usize = 6;
    /// Share of the most covering pair of units; three and four follow.
    pub const TOP: usize = 7;
    /// Share inside repeats of five units; six to ten follow.
    pub const REPEATED: usize = 10;
    /// Share inside lines that came before.
    pub const LINES: usize = 16;
    /// Share of the longest run of one character.
    pub const RUN: usize = 17;
    /// Places at which the model speaks of itself.
    pub const SPEAKS_AS_AI: usize = 18;
    /// Answers that refuse.
    pub const REFUSAL: usize = 19;
    /// Share of words of another language.
    pub const OTHER_LANGUAGE: usize = 20;
    /// Gaps where there should be what was asked for.
    pub const MISSING_CONTENT: usize = 21;
    /// Gaps for names and dates that nobody asked for.
    pub const MISSING_NAME: usize = 22;
    /// Signs of something to see in the prompt.
    pub const MEDIA_IN_PROMPT: usize = 23;
    /// Links in the prompt.
    pub const LINK_IN_PROMPT: usize = 24;
    /// Pictures in the answers.
    pub const MEDIA_IN_ANSWER: usize = 25;
    /// Links in the answers.
    pub const LINK_IN_ANSWER: usize = 26;
}

/// Every measure, in the order in which the rules are asked.
pub const MEASURES: [Measure; COUNT] = {
    use Fires::{Above, AtLeast, Below};
    use Unit::{Characters, Count, Share};
    [
        measure("empty_answer", 0, Count, AtLeast),
        measure("mojibake", 1, Count, AtLeast),
        measure("short_prompt", 2, Characters, Below),
        measure("long_prompt", 3, Characters, Above),
        measure("short_answer", 4, Characters, Below),
        measure("long_answer", 5, Characters, Above),
        measure("answer_is_instruction", 6, Count, AtLeast),
        measure("top_2gram", 7, Share, AtLeast),
        measure("top_3gram", 7, Share, AtLeast),
        measure("top_4gram", 7, Share, AtLeast),
        measure("repeated_5grams", 7, Share, AtLeast),
        measure("repeated_6grams", 7, Share, AtLeast),
        measure("repeated_7grams", 7, Share, AtLeast),
        measure("repeated_8grams", 7, Share, AtLeast),
        measure("repeated_9grams", 7, Share, AtLeast),
        measure("repeated_10grams", 7, Share, AtLeast),
        measure("repeated_lines", 7, Share, AtLeast),
        measure("character_run", 7, Share, AtLeast),
        measure("speaks_as_ai", 8, Count, AtLeast),
        measure("refusal", 9, Count, AtLeast),
        measure("other_language", 10, Share, AtLeast),
        measure("missing_content", 11, Count, AtLeast),
        measure("missing_name", 11, Count, AtLeast),
        measure("media_in_prompt", 12, Count, AtLeast),
        measure("link_in_prompt", 12, Count, AtLeast),
        measure("media_in_answer", 12, Count, AtLeast),
        measure("link_in_answer", 12, Count, AtLeast),
    ]
};

/// A share rounded down to what is stored, 0 of nothing.
#[must_use]
pub fn share(part: usize, whole: usize) -> f32 {
    let steps = u64::from(SHARE_STEPS);
    let parts = (part as u64 * steps).checked_div(whole as u64).unwrap_or(0).min(steps);
    parts as f32 / f32::from(SHARE_STEPS)
}

/// From which value on each rule fires; `None` turns a rule off.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Thresholds(pub [Option<f32>; COUNT]);

/// A threshold that cannot be set.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ThresholdError {
    /// No rule has that name.
    #[error("no rule is called {0:?}")]
    Unknown(String),
    /// Not a number, or below zero.
    #[error("{0} = {1}: a threshold is a number from 0 on")]
    Range(&'static str, f64),
    /// More than is counted: the rule could never fire.
    #[error("{0} = {1}: no more than {MOST_COUNTED} are counted")]
    NeverReached(&'static str, f64),
}

impl Thresholds {
    /// Sets the threshold of the rule of that name.
    ///
    /// # Errors
    /// [`ThresholdError`], for an unknown name or a number that is none.
    pub fn set(&mut self, name: &str, threshold: Option<f64>) -> Result<(), ThresholdError> {
        let Some(place) = MEASURES.iter().position(|measure| measure.name == name) else {
            return Err(ThresholdError::Unknown(name.to_owned()));
        };
        if let Some(number) = threshold
            && !(number.is_finite() && number >= 0.0)
        {
            return Err(ThresholdError::Range(MEASURES[place].name, number));
        }
        if let Some(number) = threshold
            && MEASURES[place].unit == Unit::Count
            && number > f64::from(MOST_COUNTED)
        {
            return Err(ThresholdError::NeverReached(MEASURES[place].name, number));
        }
        self.0[place] = threshold.map(|number| number as f32);
        Ok(())
    }

    /// The first rule that fires for these values, at its place in [`MEASURES`]. `value(place)` may be NaN.
    #[must_use]
    #[inline]
    pub fn first_fired(&self, value: impl Fn(usize) -> f32) -> Option<usize> {
        (0..COUNT)
            .find(|&place| self.0[place].is_some_and(|threshold| MEASURES[place].fires.holds(value(place), threshold)))
    }
}
