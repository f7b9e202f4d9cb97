//! What one sample costs on its way into open buckets, and a bucket on its way out.

mod pipeline;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pipeline::aggregator;
use tidegate_mad::{Dimensions, Kind, Metric, Quantity, Record};

const ENOUGH: usize = usize::MAX;
const RECORDS: usize = 10_000;

/// As StatsD gives them: a record a sample, of `series` series by turns.
fn records(kind: Kind, series: usize) -> Vec<Record> {
    let sets: Vec<Dimensions> = (0..10)
        .map(|host| {
            [("host", format!("h{host}")), ("service", "s".into()), ("cluster", "c".into())].into_iter().collect()
        })
        .collect();
    (0..RECORDS)
        .map(|index| {
            let sample = Quantity::plain((index * 7919 % 1000) as f64 / 10.0);
            Record {
                time_ms: 1_000,
                request_time_ms: None,
                dimensions: sets[index % sets.len()].clone(),
                metrics: vec![(
                    format!("api/request/{}", index % series).into(),
                    Metric { kind, samples: vec![sample], histograms: Vec::new() },
                )],
            }
        })
        .collect()
}

fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("aggregate");
    group.throughput(Throughput::Elements(RECORDS as u64));
    for (name, kind) in [("counter", Kind::Counter), ("timer", Kind::Timer)] {
        for series in [100, 10_000] {
            let records = records(kind, series);
            let mut aggregator = aggregator();
            group.bench_function(format!("add/{name}/{series}"), |bencher| {
                bencher.iter_batched(
                    || records.clone(),
                    |records| {
                        for record in records {
                            aggregator.add(record, 1_000);
                        }
                    },
                    criterion::BatchSize::LargeInput,
                );
            });
        }
    }
    let records = records(Kind::Timer, 10_000);
    group.bench_function("close/timer/10000", |bencher| {
        bencher.iter_batched(
            || {
                let mut aggregator = aggregator();
                for record in records.clone() {
                    aggregator.add(record, 1_000);
                }
                aggregator
            },
            |mut aggregator| black_box(aggregator.flush(ENOUGH)),
            criterion::BatchSize::LargeInput,
        );
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
