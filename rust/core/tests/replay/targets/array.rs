//! A JSON array in pieces of any size gives the same lines, and they are its elements as `serde_json` reads them.

use belle_core::read::{ArraySplitter, SplitError};
use serde_json::Value;

use super::at_every_level;
use super::choices::Choices;
use super::lines::is_its_own_limit;

/// Lines, their places, and how it ended: an error's byte, line and rule.
type Split = (Vec<u8>, Vec<(u64, u64)>, Result<(), (u64, u64, &'static str)>);

fn split<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Split {
    let (mut out, mut map, mut splitter) = (Vec::new(), Vec::new(), ArraySplitter::new());
    let mut fed = Ok(());
    for piece in pieces {
        let result = splitter.feed(piece, &mut out, &mut map);
        assert!(fed.is_ok() || result == fed, "an error is no error later");
        fed = result;
    }
    let result = splitter.finish();
    assert!(fed.is_ok() || result == fed);
    // What stood there depends on where a piece was cut inside a character.
    (out, map, result.map_err(|SplitError { byte, line, expected, .. }| (byte, line, expected)))
}

/// The first byte is the size of the pieces, the rest is the file.
pub fn check(data: &[u8]) {
    let mut choices = Choices::of(data);
    let size = usize::from(choices.byte()).max(1);
    let file = choices.rest();
    let (lines, map, result) = at_every_level(|| split(std::iter::once(file)));
    for size in [1, size] {
        assert_eq!(split(file.chunks(size)), (lines.clone(), map.clone(), result), "pieces of {size}");
    }
    let line_of = |byte: u64| file[..byte as usize].split(|&byte| byte == b'\n').count() as u64;
    let elements: Vec<&[u8]> = lines.split_inclusive(|&byte| byte == b'\n').collect();
    assert_eq!(elements.len(), map.len());
    assert!(map.is_sorted_by(|before, after| before.0 < after.0 && before.1 <= after.1));
    for (element, &(byte, line)) in elements.iter().zip(&map) {
        assert!(element.len() >= 2 && element.ends_with(b"\n"));
        assert_eq!(file[byte as usize], element[0]);
        assert_eq!(line_of(byte), line);
    }
    if let Err((byte, line, _)) = result {
        assert!(byte as usize <= file.len());
        assert_eq!(line_of(byte), line);
    }
    check_against_serde(file, &elements, result.is_ok());
}

fn check_against_serde(file: &[u8], elements: &[&[u8]], accepted: bool) {
    let file = file.strip_prefix("\u{feff}".as_bytes()).unwrap_or(file);
    let parsed: Result<Vec<Value>, _> = elements.iter().map(|element| serde_json::from_slice(element)).collect();
    match serde_json::from_slice::<Vec<Value>>(file) {
        Ok(array) => {
            assert!(accepted, "an array was refused");
            assert_eq!(parsed.unwrap(), array);
        }
        Err(error) if is_its_own_limit(&error) => {}
        // Only what the lines show to be broken may be accepted.
        Err(error) => assert!(!accepted || parsed.is_err(), "accepted: {error}"),
    }
}
