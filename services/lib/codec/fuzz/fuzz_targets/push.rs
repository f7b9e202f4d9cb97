#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate_codec::ingest::push::Push;
use tidegate_codec_fuzz::{Checker, scratch};

fuzz_target!(|body: &[u8]| {
    let mut scratch = scratch();
    if let Ok(push) = Push::open(body, &mut scratch) {
        push.decode(&mut scratch, &mut Checker::default()).ok();
    }
});
