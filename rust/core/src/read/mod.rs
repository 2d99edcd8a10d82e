//! Lines of JSON to batches of conversations, and back: formats, rejections, arrays.
//!
//! `lines` walks over a chunk of bytes, `fields` finds the keys of a row, `instruction` and `turns` turn them into
//! turns, `write` does the reverse, and keeps in `source` what the other format cannot hold; `plain` leaves it out.
//! `calls` knows the forms of calls. `convert` does both for whole chunks, `names` knows rows whose keys have other names. `rewrite` puts normalised texts into a line. `array`
//! makes lines out of a JSON array.

mod array;
mod calls;
mod convert;
mod detect;
mod error;
mod fields;
mod format;
mod instruction;
mod keys;
mod lines;
mod names;
mod pieces;
mod plain;
mod rewrite;
mod row;
mod source;
mod style;
mod turns;
mod write;
mod write_turns;

pub use array::{ArraySplitter, SplitError};
pub use convert::{ConvertOptions, Converted, convert_chunk};
pub use detect::detect_format;
pub use error::{LineError, RejectReason, Rejected};
pub use format::Format;
pub use keys::KeySearch;
pub use lines::{LineReader, ReadOptions, read_line, read_lines};
pub use names::{Names, Pairs as NamePairs, rename_lines};
pub use rewrite::LineRewriter;
pub use write::{RowWriter, write_row};

#[cfg(test)]
mod tests;
