//! What a fuzzer's bytes decide, one after the other.

/// Choices drawn from bytes; once they are used up, each is the first of its kind.
#[derive(Clone, Copy, Debug)]
pub struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    /// Choices from the bytes of one input.
    pub const fn of(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether every byte is used up.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next byte, or 0.
    pub fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    /// A number below `count`, which is 1 to 256.
    pub fn below(&mut self, count: usize) -> usize {
        usize::from(self.byte()) % count
    }

    /// One of the items, of which there are 1 to 256.
    pub fn one_of<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    /// Pieces one after the other, up to a byte of 0xe0 or above, to the end of the bytes, or `most` of them.
    pub fn text(&mut self, pieces: &[&str], most: usize) -> String {
        let mut text = String::new();
        for _ in 0..most {
            match self.0.split_first() {
                None => break,
                Some((0xe0.., _)) => {
                    self.byte();
                    break;
                }
                Some(_) => text.push_str(self.one_of(pieces)),
            }
        }
        text
    }

    /// Takes up to `count` bytes away, as choices of their own.
    pub fn part(&mut self, count: usize) -> Self {
        let (part, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        Self(part)
    }

    /// The bytes that are left.
    pub const fn rest(self) -> &'a [u8] {
        self.0
    }
}
