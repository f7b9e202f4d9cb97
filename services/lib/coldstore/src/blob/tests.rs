use proptest::prelude::*;

use super::*;
use crate::tests::{any_histogram, same_histogram};

proptest! {
    #[test]
    fn sketches_round_trip(values in prop::collection::vec(any::<f64>(), 0..60)) {
        let sketch: Sketch = values.into_iter().collect();
        let mut bytes = Vec::new();
        put_sketch(&mut bytes, &sketch);
        prop_assert_eq!(get_sketch(&bytes), Ok(sketch));
    }

    #[test]
    fn histograms_round_trip(histogram in any_histogram(), rest in prop::collection::vec(any::<u8>(), 0..9)) {
        let mut bytes = Vec::new();
        put_histogram(&mut bytes, &histogram);
        bytes.extend_from_slice(&rest);
        let (read, after) = get_histogram(&bytes).unwrap();
        prop_assert!(same_histogram(&read, &histogram));
        prop_assert_eq!(after, &rest[..]);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        get_sketch(&bytes).ok();
        get_histogram(&bytes).ok();
    }
}

#[test]
fn a_count_beyond_the_bytes_is_refused() {
    let mut bytes = vec![0, 0];
    bytes.extend_from_slice(&[0; 32]);
    bytes.extend_from_slice(&[0, 0xff, 0xff, 0xff, 0xff, 0x7f]);
    assert_eq!(get_histogram(&bytes), Err(TRUNCATED));
}
