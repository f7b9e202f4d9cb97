#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate_codec::ingest::json;
use tidegate_codec_fuzz::{Checker, scratch};

fuzz_target!(|body: &[u8]| {
    json::decode(body, &mut scratch(), &mut Checker::default()).ok();
});
