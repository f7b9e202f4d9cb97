#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate_codec::stored::decode_live;

fuzz_target!(|bytes: &[u8]| {
    decode_live(bytes).ok();
});
