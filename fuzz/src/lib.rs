//! What the targets check: the same code that the tests of the core replay.

#[path = "../../rust/core/tests/replay/targets/mod.rs"]
pub mod targets;
