//! Tokens as words of an ARPA file, which are separated by white space.

/// Appends a token's name; white space and control characters, which a word cannot have, become `<U+0020>`.
pub fn write_name(name: &str, out: &mut Vec<u8>) {
    for character in name.chars() {
        if character.is_whitespace() || character.is_control() {
            out.extend_from_slice(format!("<U+{:04X}>", u32::from(character)).as_bytes());
        } else {
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
}

/// The character that stands for a word written by [`write_name`] or plainly, if it is one character.
pub fn character_of(word: &str) -> Option<char> {
    let mut characters = word.chars();
    if let (Some(one), None) = (characters.next(), characters.next()) {
        return Some(one);
    }
    let digits = word.strip_prefix("<U+")?.strip_suffix('>')?;
    if !(4..=6).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    char::from_u32(u32::from_str_radix(digits, 16).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_come_back() {
        for point in (0..0x11_0000).filter_map(char::from_u32).step_by(7).chain("\n \u{3000}<>▁".chars()) {
            let mut name = Vec::new();
            write_name(&point.to_string(), &mut name);
            let name = String::from_utf8_lossy(&name);
            assert_eq!((name.split_whitespace().count(), character_of(&name)), (1, Some(point)));
        }
        assert_eq!([character_of("你好"), character_of("<U+110000>"), character_of("")], [None; 3]);
    }
}
