use std::sync::Arc;

use tidegate_codec::stored::decode_live;
use tidegate_model::{Buckets, Histogram, HistogramWindow, MetricId, ResetHint, Span, TenantId, Window, WindowValue};

use super::*;
use crate::service::tests::{Harness, retry_on};

fn window(number: u128, buckets: usize) -> LiveWindow {
    let histogram = Arc::new(Histogram {
        schema: 0,
        zero_threshold: 0.0,
        zero_count: 0.0,
        count: 0.0,
        sum: 0.0,
        positive: Buckets {
            spans: vec![Span { offset: 0, length: buckets as u32 }],
            counts: (0..buckets).map(|index| (index as f64).sqrt()).collect(),
        },
        negative: Buckets::default(),
        custom_bounds: Vec::new(),
        reset_hint: ResetHint::Unknown,
    });
    let value = WindowValue::Histogram(HistogramWindow::one(1_000, histogram));
    LiveWindow {
        tenant: TenantId::default(),
        metric_id: MetricId(number),
        era: 0,
        fragment: 0,
        window: Window { start_ms: 0, value },
    }
}

fn reach() -> Reach {
    let clock = |effective_ms| Clock { era: 0, effective_ms };
    Reach { source: SourceId { epoch: 1, partition: 0 }, before: clock(1), now: clock(2) }
}

async fn published(harness: &Harness) -> Vec<LiveRecord> {
    let mut records = Vec::new();
    loop {
        let from = records.len() as u64;
        let fetched = harness.fetch(Topic::MetricsRollup, 0, from).await;
        if fetched.is_empty() {
            return records;
        }
        records.extend(fetched.iter().map(|record| decode_live(&record.payload).unwrap()));
    }
}

#[tokio::test]
async fn only_the_last_record_of_many_has_the_new_watermark() {
    let harness = Harness::new(1);
    let windows: Vec<_> = (0..RECORD_WINDOWS as u128 + 1).map(|number| window(number, 1)).collect();
    publish(&retry_on(&harness), reach(), windows.clone()).await.unwrap();
    let records = published(&harness).await;
    assert_eq!(records.iter().map(|record| record.watermark).collect::<Vec<_>>(), [reach().before, reach().now]);
    assert_eq!(records.into_iter().flat_map(|record| record.windows).collect::<Vec<_>>(), windows);
}

#[tokio::test]
async fn records_that_are_too_large_are_split_and_a_window_that_is_goes_without() {
    let harness = Harness::new(1);
    // About 6 MB each and one of 50 MB; a record takes 32 MB.
    let mut windows: Vec<_> = (0..9).map(|number| window(number, 800_000)).collect();
    windows.push(window(9, 7_000_000));
    publish(&retry_on(&harness), reach(), windows.clone()).await.unwrap();
    let records = published(&harness).await;
    assert_eq!(records.last().map(|record| record.watermark), Some(reach().now));
    assert!(records[..records.len() - 1].iter().all(|record| record.watermark == reach().before));
    let ids: Vec<_> = records.iter().flat_map(|record| &record.windows).map(|window| window.metric_id).collect();
    assert_eq!(ids, (0..9).map(MetricId).collect::<Vec<_>>());
}
