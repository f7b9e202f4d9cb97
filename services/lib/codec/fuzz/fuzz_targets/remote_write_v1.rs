#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate_codec::ingest::remote_write_v1;
use tidegate_codec_fuzz::{Checker, scratch};

fuzz_target!(|body: &[u8]| {
    remote_write_v1::decode(body, &mut scratch(), &mut Checker::default()).ok();
});
