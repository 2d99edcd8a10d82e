//! What the turns before an answer mean for it, and what the phrases of an answer mean where they stand.

use super::measures::at;
use super::phrase_lists::SAYS_NO_OUTPUT;
use super::phrases::Sign;
use super::row::Span;

/// One turn of a conversation.
#[derive(Clone, Copy, Debug)]
pub struct Turn<'a> {
    /// From 0.
    pub number: u32,
    /// Its UTF-8.
    pub text: &'a [u8],
}

impl Turn<'_> {
    /// Bytes of the turn's text.
    #[must_use]
    pub fn span(&self, start: usize, end: usize) -> Span {
        Span { turn: self.number, start: start as u32, end: end as u32 }
    }

    /// Byte of the first character that is no ASCII white space.
    fn begins(&self) -> usize {
        self.text.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(self.text.len())
    }
}

/// What the user has asked for so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asks {
    /// Another language, code, formulas.
    pub language: bool,
    /// A text with gaps to fill in.
    pub template: bool,
    /// What people say to each other.
    pub speech: bool,
    /// Markup.
    pub markup: bool,
}

/// Signs of a wrong decoding in one turn.
#[derive(Clone, Copy, Debug, Default)]
pub struct Damage {
    /// Broken characters.
    pub broken: usize,
    /// Where the first of these is.
    pub first: Option<(usize, usize)>,
    /// Characters that are rare in texts which were read rightly.
    pub misread: usize,
    /// Where the first of these is.
    pub first_misread: Option<(usize, usize)>,
}

impl Damage {
    /// Takes up a phrase, if it is a sign of damage.
    pub fn note(&mut self, sign: Sign, start: usize, end: usize) {
        if sign == Sign::Broken {
            self.broken += 1;
            self.first = self.first.or(Some((start, end)));
        } else if sign == Sign::Misread {
            self.misread += 1;
            self.first_misread = self.first_misread.or(Some((start, end)));
        }
    }
}

/// Han characters that make a prompt Chinese.
const LEAST_HAN: usize = 4;
/// Letters of ASCII with which a prompt may be about something in another language.
const MOST_LATIN: usize = 20;

/// The prompts up to some turn.
#[derive(Clone, Copy, Debug, Default)]
pub struct Context<'a> {
    /// The last of them.
    pub instruction: Option<Turn<'a>>,
    /// What they ask for, all together.
    pub asks: Asks,
    /// Han characters in all of them.
    pub han: usize,
    /// Letters of ASCII in all of them.
    pub latin: usize,
}

impl Context<'_> {
    /// Whether an answer in any language but Chinese would be a surprise.
    #[must_use]
    pub fn expects_chinese(&self) -> bool {
        !self.asks.language && self.han >= LEAST_HAN && self.latin <= MOST_LATIN
    }

    /// Takes up what a prompt asks for.
    pub fn note(&mut self, sign: Sign) {
        match sign {
            Sign::AsksLanguage => self.asks.language = true,
            Sign::AsksTemplate => self.asks.template = true,
            Sign::AsksSpeech => self.asks.speech = true,
            Sign::AsksMarkup => self.asks.markup = true,
            _ => {}
        }
    }
}

/// Finds each link once: its parts look like links too.
#[derive(Clone, Copy, Debug, Default)]
pub struct Links(usize);

impl Links {
    /// The byte after a link that begins here, unless it lies in the one before.
    pub fn next(&mut self, text: &[u8], start: usize) -> Option<usize> {
        if start < self.0 {
            return None;
        }
        let rest = &text[start..];
        let end =
            rest.iter().position(|&byte| byte.is_ascii_whitespace() || byte >= 0x80 || b"\"'<>)]".contains(&byte));
        self.0 = start + end.unwrap_or(rest.len());
        Some(self.0)
    }
}

/// Bytes from the beginning of an answer within which a refusal begins.
const REFUSAL_BEGINS: usize = 60;
/// Bytes of the longest answer that is nothing but a refusal, 170 Han characters: a longer one goes on with advice.
const LONGEST_REFUSAL: usize = 510;
/// Bytes between an apology and what makes it a refusal.
const REFUSAL_REACHES: usize = 150;
/// Bytes in which the name of a picture in brackets ends.
const SHOWN_OPENS: usize = 60;
/// Bytes in which the name of a picture of Markdown ends.
const PICTURE_ENDS: usize = 300;
/// Bytes within which a placeholder ends.
const PLACEHOLDER_ENDS: usize = 80;

/// Reads the phrases of one answer in the order in which they end.
#[derive(Debug)]
pub struct AnswerReader<'a> {
    turn: Turn<'a>,
    context: &'a Context<'a>,
    begins: usize,
    links: Links,
    ai_until: usize,
    sorry: Option<(usize, usize)>,
    refused: Option<(usize, usize)>,
    no_output: bool,
    helped: bool,
    placeholder_until: usize,
}

impl<'a> AnswerReader<'a> {
    /// Nothing read yet.
    #[must_use]
    pub fn new(turn: Turn<'a>, context: &'a Context<'a>) -> Self {
        Self {
            turn,
            context,
            begins: turn.begins(),
            links: Links::default(),
            ai_until: 0,
            sorry: None,
            refused: None,
            no_output: false,
            helped: false,
            placeholder_until: 0,
        }
    }

    /// The measure that a phrase counts for, with the bytes that show it; `None` if it means nothing where it stands.
    pub fn judge(&mut self, sign: Sign, start: usize, end: usize) -> Option<(usize, usize, usize)> {
        let text = self.turn.text;
        match sign {
            Sign::SaysAi | Sign::MaySayAi => {
                let says = sign == Sign::SaysAi || speaks_of_itself(&text[..start], &text[end..]);
                // The same words may be found as a longer and as a shorter phrase.
                if !says || start < self.ai_until {
                    return None;
                }
                self.ai_until = end;
                return Some((at::SPEAKS_AS_AI, start, end));
            }
            Sign::Sorry if start <= self.begins + REFUSAL_BEGINS => {
                self.sorry = self.sorry.or(Some((start, end)));
            }
            Sign::Cannot => {
                let (first, last) = self.sorry?;
                let near = last <= start && start - last <= REFUSAL_REACHES;
                if near && !ends_sentence(&text[last..start]) && !is_of_another(&text[..start]) {
                    self.refused = self.refused.or(Some((first, end)));
                }
            }
            Sign::Refuses if start <= self.begins + REFUSAL_BEGINS => {
                self.refused = self.refused.or(Some((start, end)));
                self.no_output |= says_no_output(&text[start..end]);
            }
            Sign::Helps => self.helped |= self.refused.is_some(),
            Sign::OpensName | Sign::OpensContent if start >= self.placeholder_until => {
                let until = self.end_of_placeholder(start)?;
                self.placeholder_until = until;
                let place = if sign == Sign::OpensName { at::MISSING_NAME } else { at::MISSING_CONTENT };
                return Some((place, start, until));
            }
            Sign::Link => return self.links.next(text, start).map(|end| (at::LINK_IN_ANSWER, start, end)),
            // Whoever asks for markup gets pictures in it.
            Sign::Picture if !self.context.asks.markup && (text[start] == b'<' || has_address(text, start)) => {
                return Some((at::MEDIA_IN_ANSWER, start, end));
            }
            _ => {}
        }
        None
    }

    /// The bytes of a refusal, once all phrases were read, unless help comes after it, or speech was asked for in which
    /// it may be said.
    #[must_use]
    pub fn refusal(&self) -> Option<(usize, usize)> {
        let brief = self.turn.text.trim_ascii().len() <= LONGEST_REFUSAL;
        self.refused.filter(|_| brief && !self.helped && (self.no_output || !self.context.asks.speech))
    }

    /// The byte after a placeholder, if one begins here that nobody asked for and that does not come from the prompt.
    fn end_of_placeholder(&self, start: usize) -> Option<usize> {
        if self.context.asks.template {
            return None;
        }
        let text = &self.turn.text[start..];
        let closing: &[u8] = match text {
            [b'{', ..] => b"}}",
            [b'[', ..] => b"]",
            [b'<', ..] => b">",
            [b'(', ..] => b")",
            _ if text.starts_with("【".as_bytes()) => "】".as_bytes(),
            _ => "）".as_bytes(),
        };
        let near = &text[..text.len().min(PLACEHOLDER_ENDS)];
        let end = memchr::memmem::find(near, closing)? + closing.len();
        let placeholder = &text[..end];
        // Names in brackets before parentheses are links, and several of them a list.
        let list = memchr::memmem::find(placeholder, "、".as_bytes()).is_some() || placeholder.contains(&b',');
        if list || placeholder.contains(&b'\n') || text.get(end) == Some(&b'(') {
            return None;
        }
        let asked = self.context.instruction.is_some_and(|turn| memchr::memmem::find(turn.text, placeholder).is_some());
        (!asked).then_some(start + end)
    }
}

/// Whether a refusal is one of a task, such as only a model says.
fn says_no_output(refusal: &[u8]) -> bool {
    SAYS_NO_OUTPUT
        .iter()
        .any(|part| refusal.windows(part.len()).any(|window| window.eq_ignore_ascii_case(part.as_bytes())))
}

/// Whether a text between two phrases has the end of a sentence in it.
fn ends_sentence(between: &[u8]) -> bool {
    let ends = ["。", "！", "？", "\n", ". ", "! ", "? "];
    ends.iter().any(|end| memchr::memmem::find(between, end.as_bytes()).is_some())
}

/// Whether what cannot be done is what the user, or a thing, cannot do.
fn is_of_another(before: &[u8]) -> bool {
    let before = before.trim_ascii_end();
    ["您", "你", "它", "他", "她", "们都"].iter().any(|other| before.ends_with(other.as_bytes()))
        || before.ends_with(b"you")
        || before.ends_with(b"it")
        || before.ends_with(b"they")
}

/// Whether a text up to a byte ends with a bracket that closes.
#[must_use]
pub fn is_closing(text: &[u8], end: usize) -> bool {
    ["]", "）", ")", ">", "】"].iter().any(|close| text[..end].ends_with(close.as_bytes()))
}

/// Whether a bracket was opened shortly before its end, on the same line.
#[must_use]
pub fn closes_bracket(text: &[u8], end: usize) -> bool {
    let near = &text[end.saturating_sub(SHOWN_OPENS)..end];
    let line = near.iter().rposition(|&byte| byte == b'\n').map_or(near, |at| &near[at..]);
    let opens = ["[", "（", "(", "<", "【"];
    opens.iter().any(|open| memchr::memmem::find(line, open.as_bytes()).is_some())
}

/// Whether a picture of Markdown goes on with its address.
#[must_use]
pub fn has_address(text: &[u8], start: usize) -> bool {
    let near = &text[start..text.len().min(start + PICTURE_ENDS)];
    ["](", "]（", "] ("].iter().any(|part| memchr::memmem::find(near, part.as_bytes()).is_some())
}

/// Whether "as an AI" is said by one of itself: at the beginning of a clause, and with a clause of its own behind it.
fn speaks_of_itself(before: &[u8], after: &[u8]) -> bool {
    let before = before.trim_ascii_end();
    let joins =
        ["但", "我", "因为", "且", "而", "是", "过", "说", "于", "，", "。", "、", "：", "！", "；", "”", "“", "（"];
    let begins = before.last().is_none_or(u8::is_ascii_punctuation)
        || joins.iter().any(|join| before.ends_with(join.as_bytes()))
        || before.ends_with(b"but")
        || before.ends_with(b"that")
        || before.ends_with(b"and");
    let after = after.trim_ascii_start();
    let nouns = [
        "，",
        ",",
        "我",
        "、",
        "语言模型",
        "助手",
        "助理",
        "模型",
        "聊天机器人",
        "程序",
        "机器人",
        "i ",
        "i'",
        "language",
        "model",
        "assistant",
        "chatbot",
        "program",
        "虚拟助手",
        "系统，",
        "对话",
    ];
    let goes_on =
        nouns.iter().any(|noun| after.len() >= noun.len() && after[..noun.len()].eq_ignore_ascii_case(noun.as_bytes()));
    begins && goes_on
}
