//! Judges pairs by what the vectors were made of: every field must be near, seen precisely if need be, and the guard
//! must find no difference.

use std::sync::{Arc, Mutex, PoisonError};

use super::decisions::Judge;
use super::refused::Refusal;
use super::vectors::Vectors;
use super::{Decided, KEPT, cosine};
use crate::compared_texts::ComparedTexts;
use crate::guard::{Difference, Guard, Marks};

/// Embeds a text once more, so that its vector depends neither on the machine nor on the texts beside it.
pub trait SecondLook: Sync {
    /// Sets `vector` to that of a text of [`ComparedTexts::texts`].
    fn look(&self, text: u32, vector: &mut [f32]);
}

/// Why a pair of texts is not one of duplicates: the numbers of a [`Refusal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The cosine of this field, counted from 0, is below the threshold.
    Field(u8),
    /// The guard found a difference.
    Guard(Difference),
    /// What is asked is asked about an input in one of them only.
    Input,
}

impl Why {
    const DIFFERENCES: [Difference; 3] = [Difference::Number, Difference::Negation, Difference::Name];
    const INPUT: u8 = 3;

    /// The number in a [`Refusal`]: 0 to 2 for the differences, 3 for the input, then the fields.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Guard(difference) => difference as u8,
            Self::Input => Self::INPUT,
            Self::Field(field) => Self::INPUT + 1 + field,
        }
    }

    /// What the number in a [`Refusal`] means.
    #[must_use]
    pub fn of(number: u8) -> Self {
        match Self::DIFFERENCES.get(number as usize) {
            Some(&difference) => Self::Guard(difference),
            None if number == Self::INPUT => Self::Input,
            None => Self::Field(number - Self::INPUT - 1),
        }
    }
}

/// From which cosine on two texts are near.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Near {
    /// The cosine of precise vectors.
    pub threshold: f32,
    /// How far from it that of other vectors leaves the decision open.
    pub tolerance: f32,
}

impl Near {
    /// Whether texts with this cosine of other vectors are surely not near.
    fn is_far(self, cosine: f32) -> bool {
        cosine < self.threshold - self.tolerance
    }
}

/// A judge of groups of rows by their texts. Rows of the search are groups.
pub struct TextJudge<'a> {
    texts: &'a ComparedTexts,
    vectors: Vectors<'a>,
    first: Near,
    others: Near,
    second_look: Option<&'a dyn SecondLook>,
    instruction: Option<usize>,
    guarded: bool,
    precise: Remembered<Vec<f32>>,
    marks: Remembered<Marks>,
}

/// Precise vectors that are remembered: 256 MiB of 512 dimensions.
const MOST_VECTORS: usize = 1 << 17;
/// Marks that are remembered: of short texts about 40 MiB.
const MOST_MARKS: usize = 1 << 17;

impl<'a> TextJudge<'a> {
    /// Judges by `vectors`, one for each of the texts: those of the first field must be near as `first` says, those of
    /// each further field as `others` says.
    #[must_use]
    pub fn new(texts: &'a ComparedTexts, vectors: Vectors<'a>, first: Near, others: Near) -> Self {
        Self {
            texts,
            vectors,
            first,
            others,
            second_look: None,
            instruction: None,
            guarded: false,
            precise: Remembered::new(MOST_VECTORS.min(texts.texts.len())),
            marks: Remembered::new(MOST_MARKS.min(texts.texts.len())),
        }
    }

    /// Embeds the texts of a pair again whose cosine leaves the decision open.
    #[must_use]
    pub fn with_second_look(self, second_look: &'a dyn SecondLook) -> Self {
        Self { second_look: Some(second_look), ..self }
    }

    /// Lets no pair pass of which one has an input and the other none, where the first field is the prompt and the field
    /// at this place the instruction: a prompt without an input is its instruction.
    #[must_use]
    pub fn with_instruction(self, place: usize) -> Self {
        Self { instruction: Some(place), ..self }
    }

    /// Lets no pair pass in which the guard finds a difference between the texts of the first field.
    #[must_use]
    pub fn guarded(self) -> Self {
        Self { guarded: true, ..self }
    }

    /// The cosine of two texts by their first vectors; 1 for a text and itself.
    fn first_look(&self, left: u32, right: u32) -> f32 {
        if left == right { 1.0 } else { cosine(self.vectors.row(left), self.vectors.row(right)).min(1.0) }
    }

    /// Whether two texts are near, by the cosine that counts, given that of their first vectors; and that cosine.
    fn is_near(&self, left: u32, right: u32, near: Near, first: f32) -> (bool, f32) {
        let open = self
            .second_look
            .filter(|_| left != right && !near.is_far(first) && first <= near.threshold + near.tolerance);
        let similarity = open.map_or(first, |second_look| {
            let again = |text: u32| {
                let vector = self.vectors.row(text);
                self.precise.get(text, || {
                    let mut precise = vec![0.0; vector.len()];
                    // A text without a vector stays one.
                    if vector.iter().any(|&value| value != 0.0) {
                        second_look.look(text, &mut precise);
                    }
                    precise
                })
            };
            cosine(&again(left), &again(right)).min(1.0)
        });
        (similarity >= near.threshold, similarity)
    }

    fn marks(&self, guard: &Guard, text: u32) -> Arc<Marks> {
        let read = || guard.read(&String::from_utf8_lossy(self.texts.texts.get(text)));
        self.marks.get(text, read)
    }
}

impl Judge for TextJudge<'_> {
    fn judge(&self, later: u32, earlier: u32, cosine: f32) -> Result<f32, Refusal> {
        let (left, right) = (self.texts.texts_of(later), self.texts.texts_of(earlier));
        let (Some(&left_first), Some(&right_first)) = (left.first(), right.first()) else {
            return Err(Refusal { similarity: cosine, why: Why::Field(0).number() });
        };
        let first = if left_first == right_first { 1.0 } else { cosine.min(1.0) };
        let refused = |why: Why| Err(Refusal { similarity: first, why: why.number() });
        // A second look takes longer than all else: only pairs that nothing else keeps apart get one.
        if self.first.is_far(first) {
            return refused(Why::Field(0));
        }
        let has_input = |texts: &[u32]| self.instruction.is_some_and(|place| texts.get(place) != texts.first());
        if has_input(left) != has_input(right) {
            return refused(Why::Input);
        }
        let others = || left.iter().zip(right).enumerate().skip(1);
        if let Some((field, _)) =
            others().find(|&(_, (&left, &right))| self.others.is_far(self.first_look(left, right)))
        {
            return refused(Why::Field(field as u8));
        }
        if self.guarded && left_first != right_first {
            // Only now: its dictionary takes half a second, and few inputs have no pair that comes so far.
            let guard = Guard::shared();
            let (left, right) = (self.marks(guard, left_first), self.marks(guard, right_first));
            if let Some(difference) = guard.differs(&left, &right) {
                return refused(Why::Guard(difference));
            }
        }
        let (is_near, similarity) = self.is_near(left_first, right_first, self.first, first);
        if !is_near {
            return Err(Refusal { similarity, why: Why::Field(0).number() });
        }
        for (field, (&left, &right)) in others() {
            if !self.is_near(left, right, self.others, self.first_look(left, right)).0 {
                return Err(Refusal { similarity, why: Why::Field(field as u8).number() });
            }
        }
        Ok(similarity)
    }
}

/// The last values that were made for some keys, each in the only place where it may be: bounded, whatever is asked.
struct Remembered<T> {
    places: Vec<Mutex<Place<T>>>,
}

/// A key and its value, if there is one.
type Place<T> = Option<(u32, Arc<T>)>;

impl<T> Remembered<T> {
    fn new(places: usize) -> Self {
        Self { places: (0..places.max(1)).map(|_| Mutex::default()).collect() }
    }

    fn get(&self, key: u32, make: impl FnOnce() -> T) -> Arc<T> {
        let place = &self.places[key as usize % self.places.len()];
        let lock = || place.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, value)) = lock().as_ref().filter(|(known, _)| *known == key) {
            return Arc::clone(value);
        }
        // Not under the lock: two threads may make the same value, but none waits for another.
        let value = Arc::new(make());
        *lock() = Some((key, Arc::clone(&value)));
        value
    }
}

/// A row that goes, for a row that is kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Removal {
    /// The row that goes.
    pub row: u32,
    /// The row that is kept.
    pub kept_row: u32,
    /// The cosine of the texts of the first field, 1 if they are equal.
    pub similarity: f32,
}

/// The rows that go, by their numbers, given what was decided over the groups: of a group that is kept all but the
/// first `rows_kept`, of one that goes all.
#[must_use]
pub fn removals(texts: &ComparedTexts, decided: &Decided, rows_kept: usize) -> Vec<Removal> {
    let mut removals = Vec::new();
    for (group, (&kept, &similarity)) in decided.kept_row.iter().zip(&decided.similarity).enumerate() {
        let rows = texts.rows_of(group as u32);
        let gone = |&row: &u32| match kept {
            KEPT => Removal { row, kept_row: rows[0], similarity: 1.0 },
            kept => Removal { row, kept_row: texts.rows_of(kept)[0], similarity },
        };
        removals.extend(rows.iter().skip(if kept == KEPT { rows_kept.max(1) } else { 0 }).map(gone));
    }
    removals.sort_unstable_by_key(|removal| removal.row);
    removals
}
