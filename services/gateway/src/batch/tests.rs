use tidegate_codec::stored::Record;
use tidegate_model::{Labels, MetricType};

use super::*;
use crate::config::{Limits, ValueRange};
use crate::series_cap::SeriesCap;

const NOW_MS: i64 = 1_795_176_000_000;

struct Fixture {
    tenant: TenantId,
    admission: Admission,
    cap: SeriesCap,
    sent: SentMetadata,
    writers: Writers,
}

impl Fixture {
    fn new(cap: u64) -> Self {
        Self {
            tenant: TenantId::default(),
            admission: Admission::new(&Limits::default()),
            cap: SeriesCap::new(&Limits { active_series_per_tenant: cap, active_series: 0, ..Limits::default() }),
            sent: SentMetadata::default(),
            writers: Writers::new(3),
        }
    }

    fn run(&mut self, fill: impl FnOnce(&mut Batch<'_>)) -> Parts {
        self.run_at(NOW_MS, fill)
    }

    fn run_at(&mut self, now_ms: i64, fill: impl FnOnce(&mut Batch<'_>)) -> Parts {
        let rules = Rules {
            tenant: &self.tenant,
            times: self.admission.times(now_ms),
            admission: &self.admission,
            cap: self.cap.of(&self.tenant, self.cap.caps()),
            sent_metadata: &self.sent,
        };
        let mut batch = Batch::new(rules, &Identity::Content, &mut self.writers);
        fill(&mut batch);
        batch.finish(Identity::Content, rand::random)
    }
}

fn up(job: &str) -> Vec<u8> {
    Labels::from_pairs([("__name__", "up"), ("job", job)]).unwrap().as_bytes().to_vec()
}

fn batch_of(parts: &Parts) -> BatchId {
    let record = Record::parse(&parts.parts[0].1).unwrap();
    record.parts().next().unwrap().unwrap().batch
}

const METADATA: Metadata<'static> =
    Metadata { name: "up", metric_type: MetricType::Gauge, unit: "", help: "Whether it is up." };

/// Times of samples, each of a series of its own.
fn at<const N: usize>(times_ms: [i64; N]) -> impl Fn(&mut Batch<'_>) {
    move |batch| {
        for (index, time_ms) in times_ms.iter().enumerate() {
            batch.series(index as u32, Ok(&up(&index.to_string())));
            batch.float(Some(*time_ms), 1.0);
        }
    }
}

const DAY_MS: i64 = 24 * 3_600_000;

#[test]
fn samples_that_grew_too_old_do_not_change_the_identity() {
    let (oldest_ms, mut fixture) = (NOW_MS - 6 * DAY_MS, Fixture::new(0));
    let fill = at([oldest_ms, NOW_MS]);
    let (first, later) = (fixture.run(&fill), fixture.run_at(NOW_MS + 1, &fill));
    assert_eq!((first.outcome.accepted(), later.outcome.accepted()), (2, 1));
    assert_eq!(batch_of(&first), batch_of(&later));
}

#[test]
fn samples_that_may_be_taken_later_change_the_identity() {
    let mut fixture = Fixture::new(0);
    let fill = at([NOW_MS, NOW_MS + 600_001]);
    let (first, later) = (fixture.run(&fill), fixture.run_at(NOW_MS + 1, &fill));
    assert_eq!((first.outcome.accepted(), later.outcome.accepted()), (1, 2));
    assert_ne!(batch_of(&first), batch_of(&later));

    let fill = at([NOW_MS, NOW_MS]);
    let (free, full) = (Fixture::new(0).run(&fill), Fixture::new(1).run(&fill));
    assert_eq!((free.outcome.accepted(), full.outcome.accepted()), (2, 1));
    assert_ne!(batch_of(&free), batch_of(&full));
    assert_eq!(batch_of(&full), batch_of(&Fixture::new(1).run(&fill)), "refused alike, it is the same");

    let range = |max| ValueRange { name: "up".into(), min: 0.0, max };
    let ranged = |max| {
        let limits = Limits { value_ranges: vec![range(max)], ..Limits::default() };
        let mut fixture = Fixture { admission: Admission::new(&limits), ..Fixture::new(0) };
        fixture.run(|batch| {
            batch.series(0, Ok(&up("a")));
            batch.float(Some(NOW_MS), 1.0);
            batch.float(Some(NOW_MS + 1), 3.0);
        })
    };
    assert_ne!(batch_of(&ranged(2.0)), batch_of(&ranged(4.0)));
}

#[test]
fn old_samples_of_a_series_beyond_the_cap_are_old_first() {
    let fill = at([NOW_MS, NOW_MS - 7 * DAY_MS]);
    let (free, full) = (Fixture::new(0).run(&fill), Fixture::new(1).run(&fill));
    assert_eq!(batch_of(&free), batch_of(&full));
}

#[test]
fn metadata_does_not_change_the_identity_and_is_written_once() {
    let mut fixture = Fixture::new(0);
    let fill = |batch: &mut Batch<'_>| {
        batch.metadata(METADATA);
        batch.metadata(METADATA);
        batch.series(0, Ok(&up("a")));
        batch.float(Some(NOW_MS), 1.0);
    };
    let first = fixture.run(fill);
    assert_eq!(first.new_metadata.len(), 1);
    // The log did not take it: it is written again.
    assert_eq!(fixture.run(fill).new_metadata.len(), 1);
    fixture.sent.insert(&first.new_metadata);
    let later = fixture.run(fill);
    assert_eq!(later.new_metadata.len(), 0);
    assert_eq!(batch_of(&first), batch_of(&later));
}

#[test]
fn batches_of_metadata_alone_are_never_taken_for_one() {
    let mut fixture = Fixture::new(0);
    let first = fixture.run(|batch| batch.metadata(METADATA));
    let second = fixture.run(|batch| batch.metadata(Metadata { help: "Other.", ..METADATA }));
    assert_ne!(batch_of(&first), batch_of(&second));
}

#[test]
fn series_without_taken_samples_make_no_part() {
    let parts = Fixture::new(0).run(|batch| {
        batch.series(0, Ok(&up("a")));
        batch.float(Some(0), 1.0);
        batch.series(1, Ok(&up("b")));
    });
    assert!(parts.parts.is_empty());
    assert_eq!(parts.outcome.rejected_samples, 1);
}

#[test]
fn refused_samples_are_counted_by_cause() {
    let parts = Fixture::new(1).run(|batch| {
        batch.series(0, Ok(&up("a")));
        batch.float(Some(0), 1.0);
        batch.float(Some(NOW_MS + 86_400_000), 1.0);
        batch.float(Some(NOW_MS), 1.0);
        batch.invalid_sample(SampleError::Histogram("no buckets"));
        batch.series(1, Ok(&up("one too many")));
        batch.float(Some(NOW_MS), 1.0);
        batch.float(Some(NOW_MS), 2.0);
    });
    let count = |cause: Cause| parts.outcome.rejected_by_cause[cause as usize];
    assert_eq!(Cause::ALL.map(count), [1, 1, 0, 0, 2, 0, 0, 1]);
    assert!(Cause::ALL.iter().enumerate().all(|(place, cause)| *cause as usize == place));
    assert_eq!(parts.outcome.rejected_samples, 5);
}

#[test]
fn kinds_values_and_times_all_tell_batches_apart() {
    let one = |fill: fn(&mut Batch<'_>)| {
        let parts = Fixture::new(0).run(|batch| {
            batch.series(0, Ok(&up("a")));
            fill(batch);
        });
        batch_of(&parts)
    };
    let mut ids = vec![
        one(|batch| batch.float(Some(NOW_MS), 1.0)),
        one(|batch| batch.float(Some(NOW_MS), 2.0)),
        one(|batch| batch.float(Some(NOW_MS + 1), 1.0)),
        one(|batch| batch.delta_float(Some(NOW_MS), 1.0)),
        one(|batch| batch.distribution(Some(NOW_MS), &Distribution::empty())),
        one(|batch| batch.float(None, 1.0)),
        one(|batch| batch.float(None, 1.0)),
    ];
    assert_eq!(ids[0], one(|batch| batch.float(Some(NOW_MS), 1.0)));
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 7);
}
