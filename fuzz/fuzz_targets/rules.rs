#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| belle_fuzz::targets::rules::check(data));
