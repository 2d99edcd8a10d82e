//! The values of one row, from its texts in one pass.

use super::context::{AnswerReader, Context, Damage, Links, Turn, closes_bracket, has_address, is_closing};
use super::language::{LEAST_WORDS, Prose};
use super::letters::{Letters, count, is_stray, longest_run, same_letters, trimmed};
use super::measures::{COUNT, MOST_COUNTED, at, share};
use super::phrases::{AllPhrases, Sign, bytes};
use super::repetition::{LEAST_LETTERS, RepetitionBuffers, repetition};
use super::units::Units;
use crate::batch::{Role, Turns};
use crate::decode::decode;

/// Where a value was found: a turn of the row, and bytes of its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Number of the turn, from 0.
    pub turn: u32,
    /// First byte.
    pub start: u32,
    /// Byte after the last.
    pub end: u32,
}

/// Words that are this part of all units, one in so many, make it worth asking for the language.
const FEW_WORDS: usize = 4;
/// Misread characters that a text needs: each may stand alone in a text that is whole.
const LEAST_MISREAD: usize = 4;

/// Measures rows; holds what one thread needs, and what it found of the last row.
#[derive(Clone, Debug)]
pub struct RowMeasures {
    /// The value of each measure, NaN where there is none.
    pub values: [f32; COUNT],
    /// Where the value comes from, where a place in the texts does.
    pub spans: [Option<Span>; COUNT],
    /// Whether the spans of repetition are looked for, which takes as long as measuring it.
    pub explains: bool,
    points: Vec<u32>,
    places: Vec<u32>,
    instruction: Vec<u32>,
    units: Units,
    repetition: RepetitionBuffers,
    prose: Prose,
}

impl Default for RowMeasures {
    fn default() -> Self {
        Self {
            values: [f32::NAN; COUNT],
            spans: [None; COUNT],
            explains: false,
            points: Vec::new(),
            places: Vec::new(),
            instruction: Vec::new(),
            units: Units::default(),
            repetition: RepetitionBuffers::default(),
            prose: Prose::default(),
        }
    }
}

impl RowMeasures {
    /// Measures a row. `non_text_parts` are the pictures and sounds that its reader left out.
    pub fn measure(&mut self, turns: Turns<'_>, row: usize, non_text_parts: u16) {
        self.values = [f32::NAN; COUNT];
        self.spans = [None; COUNT];
        let mut context = Context::default();
        let (mut answered, mut spoken) = (false, false);
        for (number, (role, text)) in turns.of(row).enumerate() {
            let turn = Turn { number: number as u32, text };
            self.points.clear();
            decode(text, &mut self.points);
            let letters = count(&self.points);
            let damage = if role == Role::Assistant as i8 {
                answered = true;
                self.answer(turn, letters, &context)
            } else if role == Role::User as i8 || role == Role::System as i8 {
                self.prompt(turn, letters, &mut context)
            } else {
                answered |= role == Role::FunctionCall as i8;
                self.other_text(turn, letters, role)
            };
            spoken |= role != Role::Text as i8;
            self.damaged(turn, letters, damage);
            if role == Role::User as i8 {
                context.instruction = Some(turn);
                std::mem::swap(&mut self.instruction, &mut self.points);
            }
        }
        if spoken && !answered {
            self.values[at::EMPTY_ANSWER] = 1.0;
        }
        if non_text_parts > 0 {
            self.add(at::MEDIA_IN_PROMPT, f32::from(non_text_parts), None);
        }
    }

    /// Adds to a count, up to what is stored of one; the first place found is the one that is shown.
    fn add(&mut self, place: usize, count: f32, span: Option<Span>) {
        let value = &mut self.values[place];
        let sum = if value.is_nan() { count } else { *value + count };
        *value = sum.min(f32::from(MOST_COUNTED));
        self.spans[place] = self.spans[place].or(span);
    }

    /// Takes a value if it is the first or above the one before.
    fn most(&mut self, place: usize, value: f32, span: Option<Span>) {
        if self.values[place].is_nan() || value > self.values[place] {
            self.values[place] = value;
            self.spans[place] = span;
        }
    }

    fn least(&mut self, place: usize, value: f32, span: Option<Span>) {
        if self.values[place].is_nan() || value < self.values[place] {
            self.values[place] = value;
            self.spans[place] = span;
        }
    }

    fn prompt(&mut self, turn: Turn<'_>, letters: Letters, context: &mut Context<'_>) -> Damage {
        let characters = trimmed(&self.points).len() as f32;
        self.add(at::SHORT_PROMPT, characters, None);
        self.add(at::LONG_PROMPT, characters, None);
        context.han += letters.han;
        context.latin += letters.latin;
        let (mut damage, mut links) = (Damage::default(), Links::default());
        let (mut pictures, mut shown) = ((0, None), (0, None));
        let (mut found_links, mut first_link) = (0.0, None);
        let mut places = std::mem::take(&mut self.places);
        AllPhrases::get().prompt.find(turn.text, &self.points, &mut places, |phrase, start, end| match phrase.sign {
            Sign::Picture if turn.text[start] != b'<' && !has_address(turn.text, start) => {}
            // What ends a bracket must have begun one.
            Sign::Shown if is_closing(turn.text, end) && !closes_bracket(turn.text, end) => {}
            Sign::Picture | Sign::Shown => {
                let found = if phrase.sign == Sign::Picture { &mut pictures } else { &mut shown };
                found.0 += 1;
                found.1 = found.1.or(Some(turn.span(start, end)));
            }
            Sign::Link => {
                if let Some(end) = links.next(turn.text, start) {
                    found_links += 1.0;
                    first_link = first_link.or(Some(turn.span(start, end)));
                }
            }
            sign => {
                context.note(sign);
                damage.note(sign, start, end);
            }
        });
        self.places = places;
        self.add(at::LINK_IN_PROMPT, found_links, first_link);
        // Whoever asks for markup may show some with pictures in it.
        if context.asks.markup {
            pictures = (0, None);
        }
        self.add(at::MEDIA_IN_PROMPT, (pictures.0 + shown.0) as f32, pictures.1.or(shown.1));
        damage
    }

    fn answer(&mut self, turn: Turn<'_>, letters: Letters, context: &Context<'_>) -> Damage {
        let text = trimmed(&self.points);
        let characters = text.len() as f32;
        let whole = Some(turn.span(0, turn.text.len()));
        if text.is_empty() {
            self.add(at::EMPTY_ANSWER, 1.0, whole);
        }
        self.least(at::SHORT_ANSWER, characters, whole);
        self.most(at::LONG_ANSWER, characters, whole);
        for place in [
            at::EMPTY_ANSWER,
            at::SPEAKS_AS_AI,
            at::REFUSAL,
            at::MISSING_CONTENT,
            at::MISSING_NAME,
            at::MEDIA_IN_ANSWER,
            at::LINK_IN_ANSWER,
        ] {
            self.add(place, 0.0, None);
        }
        if context.instruction.is_some() {
            let same = same_letters(&self.instruction, &self.points);
            self.add(at::ANSWER_IS_INSTRUCTION, f32::from(u8::from(same)), whole.filter(|_| same));
        }
        self.repeats(turn, letters);
        self.language(turn, letters, context);
        let mut reader = AnswerReader::new(turn, context);
        let mut damage = Damage::default();
        let mut places = std::mem::take(&mut self.places);
        let points = std::mem::take(&mut self.points);
        AllPhrases::get().answer.find(turn.text, &points, &mut places, |phrase, start, end| {
            if let Some((place, start, end)) = reader.judge(phrase.sign, start, end) {
                self.add(place, 1.0, Some(turn.span(start, end)));
            }
            damage.note(phrase.sign, start, end);
        });
        (self.places, self.points) = (places, points);
        if let Some((start, end)) = reader.refusal() {
            self.add(at::REFUSAL, 1.0, Some(turn.span(start, end)));
        }
        damage
    }

    /// A text that nobody speaks, or what passes between the model and its tools.
    fn other_text(&mut self, turn: Turn<'_>, letters: Letters, role: i8) -> Damage {
        if role == Role::Text as i8 {
            self.repeats(turn, letters);
        }
        let mut damage = Damage::default();
        let answer = &AllPhrases::get().answer;
        answer.find(turn.text, &self.points, &mut self.places, |phrase, start, end| {
            damage.note(phrase.sign, start, end);
        });
        damage
    }

    fn damaged(&mut self, turn: Turn<'_>, letters: Letters, damage: Damage) {
        let misread = if damage.misread >= LEAST_MISREAD { damage.misread } else { 0 };
        let first = damage.first.or(damage.first_misread.filter(|_| misread > 0));
        let first = first.map(|(start, end)| turn.span(start, end)).or_else(|| {
            if !self.explains || letters.stray == 0 {
                return None;
            }
            let stray = self.points.iter().position(|&point| is_stray(point) > 0)?;
            Some(self.span_of_points(turn, stray, stray + 1))
        });
        self.add(at::MOJIBAKE, (damage.broken + misread + letters.stray) as f32, first);
    }

    fn repeats(&mut self, turn: Turn<'_>, letters: Letters) {
        self.units.read(&self.points, self.explains);
        if let Some(found) = repetition(&mut self.units, &mut self.repetition) {
            for size in 0..found.top.len() {
                self.most(at::TOP + size, found.top[size], self.span_of_units(turn, found.top_units[size]));
            }
            for size in 0..found.repeated.len() {
                let span = self.span_of_units(turn, found.repeated_units[size]);
                self.most(at::REPEATED + size, found.repeated[size], span);
            }
            self.most(at::LINES, found.lines, self.span_of_units(turn, found.line_units));
        }
        let text = trimmed(&self.points).len();
        if text >= LEAST_LETTERS {
            let (length, start) = if letters.repeated > 0 { longest_run(&self.points) } else { (1, 0) };
            let span = self.explains.then(|| self.span_of_points(turn, start, start + length));
            self.most(at::RUN, share(length, text), span);
        }
    }

    /// Bytes of some units of a text, given as the first and the one after the last.
    fn span_of_units(&self, turn: Turn<'_>, (first, end): (u32, u32)) -> Option<Span> {
        if !self.explains || first >= end {
            return None;
        }
        let start = *self.units.starts.get(first as usize)? as usize;
        let last = *self.units.starts.get((end as usize).checked_sub(1)?)? as usize;
        let word = self.points[last..].iter().take_while(|&&point| super::units::is_word(point)).count();
        Some(self.span_of_points(turn, start, last + word.max(1)))
    }

    fn span_of_points(&self, turn: Turn<'_>, start: usize, end: usize) -> Span {
        let before = bytes(&self.points[..start]);
        let inside = bytes(&self.points[start..end.min(self.points.len())]);
        turn.span(before, before + inside)
    }

    fn language(&mut self, turn: Turn<'_>, letters: Letters, context: &Context<'_>) {
        if !context.expects_chinese() {
            return;
        }
        let other = self.units.words.len() + letters.syllables;
        let all = self.units.words.len() + letters.han + letters.syllables;
        let value = if other < LEAST_WORDS || other * FEW_WORDS < all {
            0.0
        } else {
            let (other, all) = self.prose.share_of_other_language(&String::from_utf8_lossy(turn.text));
            share(other, all)
        };
        self.most(at::OTHER_LANGUAGE, value, Some(turn.span(0, turn.text.len())).filter(|_| value > 0.0));
    }
}
