//! Buffers that tasks lend one another.

use std::sync::{Mutex, PoisonError};

/// As many as tasks ran at a time.
#[derive(Default)]
pub struct Pool<T>(Mutex<Vec<T>>);

impl<T: Default> Pool<T> {
    /// One that nobody uses, or a new one.
    pub fn take(&self) -> T {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Takes one back.
    pub fn give(&self, item: T) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(item);
    }

    /// Lends one to some work.
    pub fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        let mut item = self.take();
        let result = work(&mut item);
        self.give(item);
        result
    }
}
