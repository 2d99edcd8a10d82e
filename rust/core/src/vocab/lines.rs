//! Blocks of text, cut at their line feeds.

/// The lines of a block, without their ends.
#[derive(Debug, PartialEq, Eq)]
pub struct Lines {
    /// One line's text after the other's.
    pub text: String,
    /// Where each line starts in `text`, and behind the last one where that ends.
    pub offsets: Vec<i32>,
    /// The characters of all.
    pub characters: usize,
}

impl Lines {
    /// Cuts a block of less than 2 GiB. A line ends with a line feed, or with a carriage return and a line feed; the last
    /// one may have no end. None if a line is no UTF-8, or has more than `longest` bytes; no lines of an empty block.
    #[must_use]
    pub fn of(block: &[u8], longest: usize) -> Option<Self> {
        let block = simdutf8::basic::from_utf8(block).ok().filter(|block| i32::try_from(block.len()).is_ok())?;
        let mut lines = Self { text: String::with_capacity(block.len()), offsets: vec![0], characters: 0 };
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', block.as_bytes()) {
            let line = &block[start..end];
            lines.push(line.strip_suffix('\r').unwrap_or(line), longest)?;
            start = end + 1;
        }
        if start < block.len() {
            lines.push(&block[start..], longest)?;
        }
        // Bytes that go on with a character are 80 to BF in hexadecimal digits.
        lines.characters = lines.text.bytes().filter(|byte| byte.cast_signed() >= -64).count();
        Some(lines)
    }

    fn push(&mut self, line: &str, longest: usize) -> Option<()> {
        self.text.push_str(line);
        self.offsets.push(self.text.len() as i32);
        (line.len() <= longest).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Lines;

    /// The same, one line at a time.
    fn slowly(block: &[u8], longest: usize) -> Option<Vec<String>> {
        let mut lines: Vec<&[u8]> = block.split(|byte| *byte == b'\n').collect();
        let last = lines.pop().filter(|last| !last.is_empty());
        let ended = lines.into_iter().map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let lines =
            ended.chain(last).map(|line| String::from_utf8(line.to_vec()).ok().filter(|it| it.len() <= longest));
        lines.collect()
    }

    proptest! {
        #[test]
        fn lines_are_those_of_a_slow_reference(
            parts in prop::collection::vec(
                prop::sample::select(vec![&b"\n"[..], b"\r", b"\r\n", b"a", b" ", "中".as_bytes(), "é😀".as_bytes(), b"\xe4\xb8", b""]),
                0..40,
            ),
            longest in 0_usize..20,
        ) {
            let block = parts.concat();
            let lines = Lines::of(&block, longest);
            let found = lines.as_ref().map(|lines| {
                lines.offsets.windows(2).map(|ends| lines.text[ends[0] as usize..ends[1] as usize].to_owned()).collect::<Vec<_>>()
            });
            let expected = slowly(&block, longest);
            prop_assert_eq!(&found, &expected);
            if let (Some(lines), Some(expected)) = (lines, expected) {
                prop_assert_eq!(lines.characters, expected.iter().map(|line| line.chars().count()).sum::<usize>());
            }
        }
    }
}
