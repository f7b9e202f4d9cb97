use proptest::prelude::*;
use tidegate_model::Labels;

use super::*;

fn build(pairs: &[(&[u8], &[u8])]) -> Result<Vec<u8>, SeriesError> {
    let mut builder = LabelBuilder::default();
    builder.begin();
    for (name, value) in pairs {
        builder.pair(name, value);
    }
    builder.finish().map(<[u8]>::to_vec)
}

proptest! {
    #[test]
    fn agrees_with_the_model(pairs in proptest::collection::vec(("[a-zé]{1,3}", "[a-zß]{1,200}"), 0..8)) {
        let mut all: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        all.push((METRIC_NAME, "m"));
        let bytes: Vec<(&[u8], &[u8])> = all.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes())).collect();
        match (Labels::from_pairs(all.iter().copied()), build(&bytes)) {
            (Ok(labels), Ok(bytes)) => {
                prop_assert_eq!(labels.as_bytes(), &bytes[..]);
                prop_assert!(Labels::from_bytes(&bytes).is_ok());
            }
            (Err(_), Err(SeriesError::DuplicateLabel(_))) => {}
            other => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn what_passes_is_canonical(pairs in proptest::collection::vec(
        (proptest::collection::vec(any::<u8>(), 0..4), proptest::collection::vec(any::<u8>(), 0..200)), 0..6)) {
        let mut builder = LabelBuilder::default();
        builder.begin();
        builder.pair(b"__name__", b"m");
        for (name, value) in &pairs {
            builder.pair(name, value);
        }
        if let Ok(bytes) = builder.finish() {
            prop_assert!(Labels::from_bytes(bytes).is_ok());
        }
    }
}

#[test]
fn sorted_and_unsorted_pairs_give_the_same_bytes() {
    let sorted = build(&[(b"__name__", b"up"), (b"a", b"1"), (b"b", b"2")]);
    let unsorted = build(&[(b"b", b"2"), (b"__name__", b"up"), (b"a", b"1")]);
    assert_eq!(sorted, unsorted);
    assert!(sorted.is_ok());
}

#[test]
fn duplicates_are_refused_sorted_or_not() {
    let twice = Err(SeriesError::DuplicateLabel("a".into()));
    assert_eq!(build(&[(b"__name__", b"up"), (b"a", b"1"), (b"a", b"1")]), twice);
    assert_eq!(build(&[(b"a", b"1"), (b"__name__", b"up"), (b"a", b"2")]), twice);
}

#[test]
fn an_empty_value_is_an_absent_label() {
    assert_eq!(build(&[(b"__name__", b"up"), (b"a", b"")]), build(&[(b"__name__", b"up")]));
    assert_eq!(build(&[(b"__name__", b"")]), Err(SeriesError::NoMetricName));
    assert_eq!(build(&[(b"__name__", b"up"), (b"", b"x")]), Err(SeriesError::EmptyLabelName));
}

#[test]
fn limits_hold_and_the_next_series_starts_afresh() {
    let limits = LabelLimits { max_labels: 2, max_name_bytes: 8, max_value_bytes: 4 };
    let mut builder = LabelBuilder::new(limits);
    let mut build = |pairs: &[(&[u8], &[u8])]| {
        builder.begin();
        pairs.iter().for_each(|(name, value)| builder.pair(name, value));
        builder.finish().map(<[u8]>::to_vec)
    };
    let long = build(&[(b"__name__", b"m"), (b"a", b"12345")]);
    assert_eq!(long, Err(SeriesError::ValueTooLong { name: "a".into(), size_bytes: 5, limit_bytes: 4 }));
    let many = build(&[(b"__name__", b"m"), (b"a", b"1"), (b"b", b"2")]);
    assert_eq!(many, Err(SeriesError::TooManyLabels { limit: 2 }));
    let name = build(&[(b"__name__", b"m"), (b"abcdefghi", b"1")]);
    assert_eq!(name, Err(SeriesError::NameTooLong { size_bytes: 9, limit_bytes: 8 }));
    assert!(build(&[(b"__name__", b"m"), (b"a", b"1")]).is_ok());
}

#[test]
fn text_that_is_not_utf8_is_refused() {
    assert_eq!(build(&[(b"__name__", b"m"), (b"a", b"\xff")]), Err(SeriesError::NotUtf8));
    assert!(build(&[(b"__name__", b"m"), (b"a", &[b'x'; 300])]).is_ok());
}
