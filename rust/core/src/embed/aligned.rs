//! Memory that begins at a cache line: a vector of 64 bytes that crosses lines costs two loads.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

/// A type for which all bytes zero, and any other bytes, are a value.
///
/// # Safety
/// It has no padding and no invalid value, and a cache line holds a whole number of it.
pub unsafe trait Plain: Copy {}
// SAFETY: numbers.
unsafe impl Plain for f32 {}
// SAFETY: as above.
unsafe impl Plain for i8 {}
// SAFETY: as above.
unsafe impl Plain for u8 {}

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// A vector of numbers that begins at a cache line.
pub struct Aligned<T> {
    lines: Vec<Line>,
    len: usize,
    holds: PhantomData<T>,
}

impl<T> Default for Aligned<T> {
    fn default() -> Self {
        Self { lines: Vec::new(), len: 0, holds: PhantomData }
    }
}

impl<T: Plain> Aligned<T> {
    /// A copy.
    pub fn of(values: &[T]) -> Self {
        let mut new = Self::default();
        new.resize(values.len());
        new.copy_from_slice(values);
        new
    }

    /// Changes the length. New numbers are zero, or what stood there before.
    pub fn resize(&mut self, len: usize) {
        self.lines.resize((len * size_of::<T>()).div_ceil(size_of::<Line>()), Line([0; 64]));
        self.len = len;
    }
}

impl<T: Plain> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: the lines hold `len` numbers, all of them initialised, at an address that suits them.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

impl<T: Plain> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above; the borrow is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_and_begin_at_a_line() {
        let mut numbers = Aligned::of(&[1f32, 2.0, 3.0]);
        assert_eq!(numbers.as_ptr().align_offset(64), 0);
        numbers.resize(40);
        assert_eq!(numbers[..4], [1.0, 2.0, 3.0, 0.0]);
        numbers[39] = 5.0;
        numbers.resize(2);
        assert_eq!(*numbers, [1.0, 2.0]);
        assert!(Aligned::<i8>::default().is_empty());
    }
}
