//! What a line of StatsD costs: read alone, and on through an aggregator with
//! the periods and statistics that a pipeline has by default.

mod pipeline;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pipeline::aggregator;
use tidegate_mad::parse::statsd::Statsd;

const NOW_MS: i64 = 1_700_000_000_000;
const LINES: usize = 10_000;

/// Timers of 1,000 series, `lines` to a datagram.
fn datagrams(lines: usize) -> Vec<Vec<u8>> {
    let line = |n: usize| {
        let (metric, host) = (n % 100, n / 100 % 10);
        let value = n * 7_919 % 10_000;
        format!("api.request.latency.{metric}:{}.{}|ms|#service:shop,cluster:c1,host:h{host}\n", value / 10, value % 10)
    };
    let all: Vec<String> = (0..LINES).map(line).collect();
    all.chunks(lines).map(|lines| lines.concat().into_bytes()).collect()
}

fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("statsd");
    group.throughput(Throughput::Elements(LINES as u64));
    for lines in [1, 20] {
        let datagrams = datagrams(lines);
        let mut statsd = Statsd::default();
        group.bench_function(format!("parse/{lines} to a datagram"), |bencher| {
            bencher.iter(|| {
                let mut records = Vec::new();
                for datagram in &datagrams {
                    let _ = black_box(statsd.parse(datagram, NOW_MS, &mut || 0.5, &mut records));
                    records.clear();
                }
            });
        });
        let mut aggregator = aggregator();
        group.bench_function(format!("parse and aggregate/{lines} to a datagram"), |bencher| {
            bencher.iter(|| {
                // Handed on in batches, as the source does.
                let mut records = Vec::new();
                for datagrams in datagrams.chunks(1_024 / lines) {
                    for datagram in datagrams {
                        let _ = statsd.parse(datagram, NOW_MS, &mut || 0.5, &mut records);
                    }
                    for record in records.drain(..) {
                        aggregator.add(record, NOW_MS);
                    }
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
