#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| belle_fuzz::targets::language_model::check(data));
