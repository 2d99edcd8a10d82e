//! The grammar of numbers.

/// Byte after the number that begins at `start`, or the byte at fault and what was expected there.
#[inline]
pub(super) fn scan_number(line: &[u8], start: usize) -> Result<usize, (usize, &'static str)> {
    let byte = |at: usize| line.get(at).copied().unwrap_or_default();
    let digits = |from: usize| {
        let mut at = from;
        while byte(at).is_ascii_digit() {
            at += 1;
        }
        at
    };
    let mut at = start + usize::from(byte(start) == b'-');
    match byte(at) {
        b'0' if byte(at + 1).is_ascii_digit() => return Err((at + 1, "no digit after a leading zero")),
        b'0' => at += 1,
        b'1'..=b'9' => at = digits(at),
        _ => return Err((at, "a digit")),
    }
    if byte(at) == b'.' {
        let fraction = digits(at + 1);
        if fraction == at + 1 {
            return Err((fraction, "a digit after the decimal point"));
        }
        at = fraction;
    }
    if matches!(byte(at), b'e' | b'E') {
        let sign = usize::from(matches!(byte(at + 1), b'+' | b'-'));
        let exponent = digits(at + 1 + sign);
        if exponent == at + 1 + sign {
            return Err((exponent, "a digit of the exponent"));
        }
        at = exponent;
    }
    Ok(at)
}
