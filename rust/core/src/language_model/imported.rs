//! Reads ARPA files.
