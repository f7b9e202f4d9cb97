#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate_codec::stored::Record;

fuzz_target!(|bytes: &[u8]| {
    let Ok(record) = Record::parse(bytes) else { return };
    for part in record.parts().flatten() {
        for series in part.series().flatten() {
            series.labels().ok();
            series.samples().for_each(drop);
        }
    }
});
