//! Samples per second through the fold, closing included: 50,000 series that
//! report every 15 s, in order and as a backfill of 25 minutes at once.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tidegate_fold::Fold;
use tidegate_model::{BatchId, Labels, MetricId, SourceId, TenantId};

const SERIES: usize = 50_000;
const INTERVAL_MS: i64 = 15_000;
const SOURCE: SourceId = SourceId { epoch: 1, partition: 0 };
const START_MS: i64 = 1_700_000_000_000 / 60_000 * 60_000;
/// Samples of a request.
const BATCH: usize = 2_000;

fn ids() -> Vec<MetricId> {
    let tenant = TenantId::default();
    (0..SERIES)
        .map(|number| {
            let host = format!("host-{}", number / 100);
            let device = format!("dev-{}", number % 100);
            let labels = Labels::from_pairs([("__name__", "disk_bytes"), ("host", &host), ("device", &device)]);
            MetricId::of(&tenant, &labels.unwrap_or_else(|_| Labels::empty()))
        })
        .collect()
}

/// Feeds one scrape of all series; `append_ms` stamps its records.
fn scrape(fold: &mut Fold, ids: &[MetricId], time_ms: i64, append_ms: i64, tenant: &TenantId) {
    for (number, batch) in ids.chunks(BATCH).enumerate() {
        let offset = fold.next_offset();
        fold.begin_record(offset, append_ms + number as i64);
        fold.begin_part(BatchId::Content(u128::from(offset) << 64), tenant);
        for (index, id) in batch.iter().enumerate() {
            black_box(fold.float(*id, time_ms + (index % 1_000) as i64, (time_ms % 997) as f64 + index as f64));
        }
    }
}

/// Gives out and stores whatever is due, as the rollup does.
fn drain(fold: &mut Fold) -> usize {
    let mut rows = 0;
    fold.live(|live| {
        black_box(live.window);
    });
    while let Some(mut closed) = fold.take_closed() {
        closed.rows(usize::MAX, |row| {
            black_box((row.windows, row.totals));
            rows += 1;
        });
    }
    rows
}

fn in_order(ids: &[MetricId], scrapes: i64) -> usize {
    let tenant = TenantId::default();
    let mut fold = Fold::new(SOURCE);
    let mut rows = 0;
    for number in 0..scrapes {
        let time_ms = START_MS + number * INTERVAL_MS;
        scrape(&mut fold, ids, time_ms, time_ms + 1_500, &tenant);
        rows += drain(&mut fold);
        // Ticks between two scrapes, as on an idle partition.
        for window in 1..3 {
            let offset = fold.next_offset();
            fold.begin_record(offset, time_ms + 1_500 + window * 5_000);
            rows += drain(&mut fold);
        }
    }
    rows
}

fn backfill(ids: &[MetricId], scrapes: i64) -> usize {
    let tenant = TenantId::default();
    let mut fold = Fold::new(SOURCE);
    let now = START_MS + 3_600_000;
    for number in 0..scrapes {
        scrape(&mut fold, ids, START_MS + number * INTERVAL_MS, now + number * 100, &tenant);
        drain(&mut fold);
    }
    let offset = fold.next_offset();
    fold.begin_record(offset, now + 120_000);
    drain(&mut fold)
}

fn fold(criterion: &mut Criterion) {
    let ids = ids();
    let mut group = criterion.benchmark_group("fold");
    group.sample_size(10);
    for (name, scrapes, run) in
        [("in order", 40, in_order as fn(&[MetricId], i64) -> usize), ("backfill", 100, backfill)]
    {
        group.throughput(Throughput::Elements(SERIES as u64 * scrapes as u64));
        group.bench_function(name, |bencher| bencher.iter(|| run(&ids, scrapes)));
    }
    group.finish();
}

criterion_group!(benches, fold);
criterion_main!(benches);
