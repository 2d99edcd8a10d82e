//! The part of protocol buffers that a sentencepiece model needs: fields of a message, one after the other.

use super::ModelError;

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// An integer, enum or bool.
    Varint(u64),
    /// Eight bytes.
    Fixed64,
    /// A string, bytes or message.
    Bytes(&'a [u8]),
    /// A float.
    Fixed32([u8; 4]),
}

/// The fields of a message in the order in which they stand.
pub struct Fields<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Fields<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    fn error(&mut self, rule: &'static str) -> ModelError {
        let byte = self.position;
        // Nothing is read after a mistake.
        self.position = self.bytes.len();
        ModelError::Malformed { rule, byte }
    }

    fn varint(&mut self) -> Result<u64, ModelError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let Some(&byte) = self.bytes.get(self.position) else {
                return Err(self.error("a number breaks off"));
            };
            self.position += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.error("a number of more than ten bytes"))
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], ModelError> {
        let end = self.position.checked_add(len);
        let Some(bytes) = end.and_then(|end| self.bytes.get(self.position..end)) else {
            return Err(self.error("a field reaches beyond the end"));
        };
        self.position += len;
        Ok(bytes)
    }

    fn field(&mut self) -> Result<(u64, Value<'a>), ModelError> {
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => {
                self.take(8)?;
                Value::Fixed64
            }
            2 => {
                let len = self.varint()?;
                Value::Bytes(self.take(usize::try_from(len).unwrap_or(usize::MAX))?)
            }
            5 => {
                let bytes = self.take(4)?;
                Value::Fixed32([bytes[0], bytes[1], bytes[2], bytes[3]])
            }
            _ => return Err(self.error("a field of an unknown type")),
        };
        Ok((tag >> 3, value))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Value<'a>), ModelError>;

    fn next(&mut self) -> Option<Self::Item> {
        (self.position < self.bytes.len()).then(|| self.field())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fields_are_read_in_order() {
        let message = [0x08, 0x96, 0x01, 0x12, 2, b'h', b'i', 0x1d, 0, 0, 0x80, 0x3f, 0x21, 1, 2, 3, 4, 5, 6, 7, 8];
        let fields: Result<Vec<_>, _> = Fields::new(&message).collect();
        let expected = vec![
            (1, Value::Varint(150)),
            (2, Value::Bytes(b"hi")),
            (3, Value::Fixed32(1f32.to_le_bytes())),
            (4, Value::Fixed64),
        ];
        assert_eq!(fields.unwrap(), expected);
    }

    #[test]
    fn what_breaks_off_is_an_error() {
        for message in [&[0x08][..], &[0x12, 5, 1], &[0x1d, 0], &[0x80], &[0x0b], &[0xff; 12]] {
            assert!(Fields::new(message).any(|field| field.is_err()), "{message:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Fields::new(&bytes).count() <= bytes.len());
        }
    }
}
