#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate_codec::stored::rows;

fuzz_target!(|bytes: &[u8]| {
    rows::decode_hour_state(bytes).ok();
    rows::decode_ledger_entry(bytes).ok();
    rows::decode_metadata(bytes).ok();
    rows::decode_progress(bytes).ok();
    rows::decode_series(bytes).ok();
    rows::decode_sessions(bytes).ok();
    rows::decode_sightings(bytes).ok();
});
