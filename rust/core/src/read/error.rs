//! Why a line is not a row.

use crate::json::{ScanError, ScanErrorKind};

/// The closed list of reasons for which a line is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RejectReason {
    /// The line is not JSON.
    NotJson,
    /// The line is JSON, but no object.
    NotAnObject,
    /// A key that the format needs is not there, or there is no turn.
    MissingField,
    /// A value is of another type than the format has, or a role has an unknown name.
    WrongType,
    /// The line is not UTF-8.
    InvalidUtf8,
    /// A string escapes half of a surrogate pair.
    LoneSurrogate,
    /// The line is longer than allowed, or the batch cannot hold it.
    LineTooLong,
    /// The row compares answers and has none of its own.
    PreferenceData,
}

impl RejectReason {
    /// All reasons.
    pub const ALL: [Self; 8] = [
        Self::NotJson,
        Self::NotAnObject,
        Self::MissingField,
        Self::WrongType,
        Self::InvalidUtf8,
        Self::LoneSurrogate,
        Self::LineTooLong,
        Self::PreferenceData,
    ];

    /// The reason's name in files and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotJson => "not_json",
            Self::NotAnObject => "not_an_object",
            Self::MissingField => "missing_field",
            Self::WrongType => "wrong_type",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::LoneSurrogate => "lone_surrogate",
            Self::LineTooLong => "line_too_long",
            Self::PreferenceData => "preference_data",
        }
    }
}

/// An error on its way up: one word, so that the usual case moves nothing.
#[derive(Debug)]
pub(super) struct Failure(Box<LineError>);

impl Failure {
    #[cold]
    pub(super) fn new(reason: RejectReason, detail: String) -> Self {
        Self(Box::new(LineError { reason, detail }))
    }

    /// An error about the byte `byte` of the line.
    #[cold]
    pub(super) fn at(reason: RejectReason, byte: usize, rule: &str) -> Self {
        Self::new(reason, format!("byte {byte}: {rule}"))
    }

    pub(super) fn reason(&self) -> RejectReason {
        self.0.reason
    }
}

impl From<Failure> for LineError {
    fn from(failure: Failure) -> Self {
        *failure.0
    }
}

/// Why one line is not a row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", reason.name())]
pub struct LineError {
    /// The reason, from the closed list.
    pub reason: RejectReason,
    /// Where in the line (bytes, from 0), what stood there, and the rule.
    pub detail: String,
}

impl From<ScanError> for Failure {
    #[cold]
    fn from(error: ScanError) -> Self {
        let reason = match error.kind {
            ScanErrorKind::Syntax => RejectReason::NotJson,
            ScanErrorKind::LoneSurrogate => RejectReason::LoneSurrogate,
        };
        Self::new(reason, error.to_string())
    }
}

/// A line that was not read, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Number of the line in the source, from 1.
    pub line: u64,
    /// Byte in the source at which the line begins, after white space.
    pub offset: u64,
    /// Bytes of the line, without surrounding white space and its end of line.
    pub length: u64,
    /// The reason, from the closed list.
    pub reason: RejectReason,
    /// Where in the line, what stood there, and the rule.
    pub detail: String,
}
