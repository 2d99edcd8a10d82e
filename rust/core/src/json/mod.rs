//! A strict RFC 8259 scanner: one line of JSON to a tape of tokens, in one pass and without recursion.
//!
//! The tape holds where every key and value lies; nothing is copied or converted until someone asks for a
//! string with [`unescape_into`]. Any depth is accepted: open containers are kept on the tape itself.

// The scanner must be inlined into the one function per instruction set that enables its intrinsics.
#![allow(clippy::inline_always)]

mod blocks;
mod error;
mod escape;
mod number;
mod scan;
mod tape;
mod template;

pub use error::{Found, ScanError, ScanErrorKind};
pub use escape::{unescape_into, write_string};
pub use scan::{scan, scan_within};
pub use tape::{Kind, Tape, Token};
pub use template::Template;

pub(crate) use blocks::find_special;
