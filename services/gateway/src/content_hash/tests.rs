use tidegate_model::histogram::CUSTOM_SCHEMA;
use tidegate_model::{Buckets, ResetHint, Span};

use super::*;

fn hash(fill: impl FnOnce(&mut ContentHash)) -> u128 {
    let mut hash = ContentHash::new();
    hash.begin(&TenantId::default(), None);
    hash.series(MetricId(7));
    fill(&mut hash);
    hash.finish()
}

fn histogram() -> Histogram {
    Histogram {
        schema: 3,
        zero_threshold: 1e-9,
        zero_count: 1.0,
        count: 10.0,
        sum: 12.5,
        positive: Buckets { spans: vec![Span { offset: 0, length: 2 }], counts: vec![4.0, 5.0] },
        negative: Buckets::default(),
        custom_bounds: vec![],
        reset_hint: ResetHint::Unknown,
    }
}

#[test]
fn every_field_of_a_histogram_counts() {
    let changes: [fn(&mut Histogram); 13] = [
        |_| {},
        |h| h.schema = 4,
        |h| h.zero_threshold = 1e-8,
        |h| h.zero_count = 2.0,
        |h| h.count = 11.0,
        |h| h.sum = 12.0,
        |h| h.positive.counts = vec![5.0, 4.0],
        |h| h.positive.spans[0].offset = 1,
        |h| h.positive.spans = vec![Span { offset: 0, length: 1 }, Span { offset: 1, length: 1 }],
        |h| h.negative = std::mem::take(&mut h.positive),
        |h| (h.schema, h.custom_bounds) = (CUSTOM_SCHEMA, vec![1.0, 2.0]),
        |h| (h.schema, h.custom_bounds) = (CUSTOM_SCHEMA, vec![1.0, 3.0]),
        |h| h.reset_hint = ResetHint::Gauge,
    ];
    let of = |change: fn(&mut Histogram)| {
        let mut histogram = histogram();
        change(&mut histogram);
        hash(|hash| hash.histogram(1_000, &histogram))
    };
    let mut hashes: Vec<u128> = changes.into_iter().map(of).collect();
    assert_eq!(hashes[0], of(|_| {}));
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 13);
}

#[test]
fn every_field_of_a_distribution_counts() {
    let mut distribution = Distribution::empty();
    for value in [1.0, 2.0, 30.0] {
        distribution.record(value);
    }
    let changes: [fn(&mut Distribution); 6] =
        [|_| {}, |d| d.count += 1, |d| d.sum += 1.0, |d| d.min = 0.5, |d| d.max = 31.0, |d| d.sketch.record(2.0)];
    let mut hashes: Vec<u128> = changes
        .into_iter()
        .map(|change| {
            let mut changed = distribution.clone();
            change(&mut changed);
            hash(|hash| hash.distribution(1_000, &changed))
        })
        .collect();
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 6);
}

#[test]
fn the_hash_is_part_of_the_stored_format() {
    let mut distribution = Distribution::empty();
    distribution.record(2.0);
    let id = hash(|hash| {
        hash.histogram(1_000, &histogram());
        hash.distribution(1_000, &distribution);
        hash.refused(3);
    });
    assert_eq!(format!("{id:032x}"), "ae922fa4c63d69fb22faf5a836d969d1");
}

#[test]
fn what_is_gathered_is_hashed_whole() {
    let mut bytes = [b"default", &[0, 0, 0][..], &7u128.to_le_bytes()].concat();
    for n in 0..200i64 {
        bytes.extend([&[1][..], &n.to_le_bytes(), &1.5f64.to_le_bytes()].concat());
        let samples = |hash: &mut ContentHash| (0..=n).for_each(|n| hash.sample(Kind::Float, n, 1.5));
        assert_eq!(hash(samples), xxhash_rust::xxh3::xxh3_128(&bytes));
    }
}
