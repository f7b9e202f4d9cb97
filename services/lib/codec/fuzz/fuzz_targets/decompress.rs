#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate_codec::ingest::{Encoding, decompress};

const LIMIT_BYTES: usize = 1 << 16;

fuzz_target!(|body: &[u8]| {
    for encoding in [Encoding::Snappy, Encoding::Gzip, Encoding::Zstd] {
        let mut buffer = Vec::new();
        if let Ok(out) = decompress(encoding, body, LIMIT_BYTES, &mut buffer) {
            assert!(out.len() <= LIMIT_BYTES);
        }
    }
});
