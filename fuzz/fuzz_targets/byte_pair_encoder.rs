#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| belle_fuzz::targets::byte_pair_encoder::check(data));
