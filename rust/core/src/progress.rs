//! How far a long computation is, and whether it should stop.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// Shared by the threads that compute and the one that watches them.
#[derive(Debug, Default)]
pub struct Progress {
    cancelled: AtomicBool,
    done: AtomicU64,
    total: AtomicU64,
}

/// The computation was asked to stop; what it returned so far is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the computation was cancelled")]
pub struct Cancelled;

impl Progress {
    /// Asks the computation to stop soon.
    pub fn cancel(&self) {
        self.cancelled.store(true, Relaxed);
    }

    /// Whether to go on.
    ///
    /// # Errors
    /// [`Cancelled`] once [`Self::cancel`] was called.
    #[inline]
    pub fn check(&self) -> Result<(), Cancelled> {
        if self.cancelled.load(Relaxed) { Err(Cancelled) } else { Ok(()) }
    }

    /// Announces more work, in steps of any size.
    pub fn expect(&self, steps: u64) {
        self.total.fetch_add(steps, Relaxed);
    }

    /// Reports finished work.
    pub fn advance(&self, steps: u64) {
        self.done.fetch_add(steps, Relaxed);
    }

    /// Steps done and steps announced.
    #[must_use]
    pub fn state(&self) -> (u64, u64) {
        (self.done.load(Relaxed), self.total.load(Relaxed))
    }
}
