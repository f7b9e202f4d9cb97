#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate_codec::ingest::otlp::{self, Format, TargetInfo};
use tidegate_codec_fuzz::{Checker, scratch};

fuzz_target!(|body: &[u8]| {
    otlp::decode(body, Format::Protobuf, TargetInfo::Write, &mut scratch(), &mut Checker::default()).ok();
});
