use std::convert::Infallible;

use tidegate_model::time::{DAY_MS, MINUTE_MS};

use super::*;

const DAY: u32 = 20_000;

fn at(minute_of_day: i64) -> i64 {
    i64::from(DAY) * DAY_MS + minute_of_day * MINUTE_MS
}

fn id(slot: u64) -> MetricId {
    MetricId(u128::from(slot) << 64)
}

fn see(registry: &mut Registry, slot: u64, sample_ms: i64, now_ms: i64) -> Vec<u32> {
    let labels = || Ok::<_, Infallible>(Labels::empty());
    let tenant = TenantId::default();
    registry.seen(&tenant, id(slot), sample_ms, Moment::of(now_ms), SeriesKind::Float, labels).unwrap();
    registry.take_pending().into_iter().map(|row| row.day).collect()
}

#[test]
fn a_series_is_written_once_a_day() {
    let mut registry = Registry::new(3);
    assert_eq!(see(&mut registry, 1, at(0), at(0)), [DAY]);
    assert_eq!(see(&mut registry, 1, at(700), at(700)), Vec::<u32>::new());
    assert_eq!(see(&mut registry, 1, at(-1), at(700)), [DAY - 1]);
    assert_eq!(see(&mut registry, 2, at(0), at(700)), [DAY]);
}

#[test]
fn tomorrow_is_written_during_the_last_hour_each_series_at_its_minute() {
    let mut registry = Registry::new(3);
    assert_eq!(see(&mut registry, 20, at(1379), at(1379)), [DAY]);
    assert_eq!(see(&mut registry, 20, at(1399), at(1399)), Vec::<u32>::new());
    assert_eq!(see(&mut registry, 20, at(1400), at(1400)), [DAY + 1]);
    assert_eq!(see(&mut registry, 20, at(1401), at(1401)), Vec::<u32>::new());
    // New in the last hour, its minute over: both days at once.
    assert_eq!(see(&mut registry, 1, at(1410), at(1410)), [DAY + 1, DAY]);
    // Late samples say nothing about tomorrow.
    assert_eq!(see(&mut registry, 2, at(-100), at(1410)), [DAY - 1]);
}

#[test]
fn what_is_stored_is_not_written_again() {
    let mut first = Registry::new(3);
    let labels = || Ok::<_, Infallible>(Labels::empty());
    first.seen(&TenantId::default(), id(1), at(0), Moment::of(at(0)), SeriesKind::Float, labels).unwrap();
    let mut second = Registry::new(3);
    second.load(DAY, first.take_pending());
    assert_eq!(see(&mut second, 1, at(0), at(0)), Vec::<u32>::new());
}

#[test]
fn days_long_past_are_forgotten() {
    let mut registry = Registry::new(3);
    see(&mut registry, 1, at(0), at(0));
    registry.forget_before(DAY + 8);
    assert_eq!(see(&mut registry, 1, at(0), at(0)), Vec::<u32>::new());
    registry.forget_before(DAY + 9);
    assert_eq!(see(&mut registry, 1, at(0), at(0)), [DAY]);
}

#[test]
fn a_series_whose_labels_cannot_be_read_is_tried_again() {
    let mut registry = Registry::new(3);
    let (tenant, now) = (TenantId::default(), Moment::of(at(0)));
    assert_eq!(registry.seen(&tenant, id(1), at(0), now, SeriesKind::Float, || Err("corrupt")), Err("corrupt"));
    assert_eq!(see(&mut registry, 1, at(0), at(0)), [DAY]);
}
