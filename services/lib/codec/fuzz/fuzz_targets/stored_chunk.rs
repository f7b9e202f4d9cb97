#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate_codec::stored::{decode_chunk, encode_chunk};

fuzz_target!(|bytes: &[u8]| {
    const MINUTE: u32 = 29_000_000;
    if let Ok(chunk) = decode_chunk(MINUTE, bytes) {
        // What was read can be written, and reads as the same again; compared
        // as text, in which NaN equals NaN.
        let mut again = Vec::new();
        encode_chunk(&chunk.windows, &chunk.totals, &mut again);
        if let Ok(second) = decode_chunk(MINUTE, &again) {
            assert_eq!(format!("{chunk:?}"), format!("{second:?}"));
        }
    }
});
