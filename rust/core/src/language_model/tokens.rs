//! The probability of each token of a text.

use super::image::LanguageModel;
use super::table::{find, first_hash, longer_hash};
use super::vocabulary::Kind;
use super::{BEGIN, END, LanguageModelError};

/// A token of a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Token {
    /// First character (for pieces: first piece), from 0. `</s>` begins and ends at the end of the text.
    pub start: u32,
    /// The character after its last.
    pub end: u32,
    /// The token's number in the model, `UNKNOWN` for one that it does not know.
    pub token: u32,
    /// Natural logarithm of its probability after all tokens before it.
    pub log_probability: f64,
    /// Tokens of the longest n-gram of the model that ends with it: 1, if nothing before it told anything.
    pub order: u8,
}

impl LanguageModel {
    /// The tokens of a text, `</s>` the last. Their log-probabilities sum up to that of the text.
    ///
    /// # Errors
    /// [`LanguageModelError::Unsuitable`], if the model's tokens are pieces.
    pub fn tokens(&self, text: &str) -> Result<Vec<Token>, LanguageModelError> {
        self.check_texts()?;
        let mut places = Vec::new();
        let (mut byte, mut character) = (0, 0);
        self.vocabulary().each_token(text, |token, start, end| {
            character += text[byte..start].chars().count() as u32;
            let length = match self.vocabulary().kind() {
                Kind::Words => text[start..end].chars().count() as u32,
                Kind::Characters | Kind::Pieces => 1,
            };
            places.push((token, character, character + length));
            (byte, character) = (end, character + length);
        });
        Ok(self.explained(&places, character + text[byte..].chars().count() as u32))
    }

    /// The same for a text that a tokenizer has cut.
    ///
    /// # Errors
    /// [`LanguageModelError::Unsuitable`], if the model's tokens are no pieces.
    pub fn tokens_of_ids(&self, ids: &[u32]) -> Result<Vec<Token>, LanguageModelError> {
        super::score_ids(self, &[], &[], &crate::progress::Progress::default())?;
        let places: Vec<(u32, u32, u32)> =
            (0..).zip(ids).map(|(at, &id)| (self.vocabulary().token(id), at, at + 1)).collect();
        Ok(self.explained(&places, ids.len() as u32))
    }

    fn explained(&self, places: &[(u32, u32, u32)], length: u32) -> Vec<Token> {
        let tables = self.tables();
        let mut tokens = vec![BEGIN];
        // The back-off weights of what was matched before: what a token is worth holds its own and lacks these.
        let (mut matched, mut before) = (1, i64::from(self.unigram_backoff()[BEGIN as usize]));
        let mut explained = Vec::with_capacity(places.len() + 1);
        for &(token, start, end) in places.iter().chain(&[(END, length, length)]) {
            tokens.push(token);
            let mut hash = first_hash(token, self.seed());
            let mut worth = i64::from(self.unigram_worth()[token as usize]);
            let mut backoff = i64::from(self.unigram_backoff()[token as usize]);
            let mut order = 1;
            while order < self.order().min(matched + 1) {
                let Some(&first) = tokens.len().checked_sub(order + 1).and_then(|at| tokens.get(at)) else { break };
                hash = longer_hash(hash, first);
                let table = tables[order - 1];
                let Some(place) = find(table, hash) else { break };
                worth += i64::from(table[place.0].value(place.1));
                backoff += i64::from(self.table_backoff(order - 1, place));
                order += 1;
            }
            let log_probability = self.nats(worth + before - backoff);
            explained.push(Token { start, end, token, log_probability, order: order as u8 });
            (matched, before) = (order, backoff);
        }
        explained
    }
}
