//! Speed of the stored formats on host metrics: six labels, neighbours share
//! five of them, one sample a series.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use tidegate_codec::stored::{
    LiveRecord, LiveWindow, PartWriter, Record, decode_chunk, decode_live, encode_chunk, encode_live, join,
};
use tidegate_model::time::{WINDOW_MS, minute_start_ms};
use tidegate_model::{BatchId, Clock, FloatWindow, Labels, MetricId, SourceId, TenantId, Value, Window, WindowValue};

const SERIES: u64 = 1_000;
const MINUTE: u32 = 28_333_333;

fn labels() -> Vec<(MetricId, Labels)> {
    let tenant = TenantId::default();
    let series = (0..SERIES).map(|n| {
        let (cpu, host) = ((n % 64).to_string(), format!("host-{:04}.example.net", n / 64));
        let labels = Labels::from_pairs([
            ("__name__", "node_cpu_seconds_total"),
            ("cpu", &cpu),
            ("instance", &host),
            ("job", "node"),
            ("mode", "idle"),
            ("region", "eu-central-1"),
        ]);
        let labels = labels.expect("distinct names");
        (MetricId::of(&tenant, &labels), labels)
    });
    series.collect()
}

fn write(writer: &mut PartWriter, series: &[(MetricId, Labels)]) -> bytes::Bytes {
    writer.begin(&TenantId::default(), BatchId::Content(1));
    for (n, (id, labels)) in series.iter().enumerate() {
        writer.series(*id, labels.as_bytes());
        writer.float(1_700_000_000_000, n as f64 * 1.37);
    }
    writer.finish()
}

fn records(c: &mut Criterion) {
    let series = labels();
    let mut writer = PartWriter::new();
    let record = join(&[write(&mut writer, &series)]);
    let mut group = c.benchmark_group(format!("record, {} bytes a series", record.len() as u64 / SERIES));
    group.throughput(Throughput::Elements(SERIES));
    group.bench_function("write", |b| b.iter(|| write(&mut writer, black_box(&series))));
    group.bench_function("read samples", |b| {
        b.iter(|| {
            let mut sum = 0.0;
            for part in Record::parse(black_box(&record)).expect("valid").parts() {
                for series in part.expect("valid").series() {
                    for sample in series.expect("valid").samples() {
                        if let (_, Value::Float(value)) = sample.expect("valid") {
                            sum += value;
                        }
                    }
                }
            }
            sum
        })
    });
    group.bench_function("read labels", |b| {
        b.iter(|| {
            let part = Record::parse(black_box(&record)).expect("valid").parts().next().expect("one").expect("valid");
            part.series().map(|series| series.expect("valid").labels().expect("valid").as_bytes().len()).sum::<usize>()
        })
    });
    group.finish();
}

/// A minute of a counter scraped every 15 s.
fn minute() -> (Vec<Window>, Vec<Window>) {
    let start_ms = minute_start_ms(MINUTE);
    let mut total = FloatWindow::empty();
    let windows = (0..4).map(|n| {
        let mut window = FloatWindow::empty();
        let time_ms = start_ms + n * 15_000 + 3_000 + n * 7;
        let value = 812_345.25 + n as f64 * 14.75;
        window.push(time_ms, value);
        total.push(time_ms, value);
        Window { start_ms: start_ms + n * 3 * WINDOW_MS, value: WindowValue::Float(window) }
    });
    let windows = windows.collect();
    (windows, vec![Window { start_ms, value: WindowValue::Float(total) }])
}

fn chunks(c: &mut Criterion) {
    let (windows, totals) = minute();
    let mut bytes = Vec::new();
    encode_chunk(&windows, &totals, &mut bytes);
    let mut group = c.benchmark_group(format!("chunk of 4 samples, {} bytes", bytes.len()));
    group.throughput(Throughput::Elements(4));
    let mut out = Vec::new();
    group.bench_function("encode", |b| {
        b.iter(|| {
            out.clear();
            encode_chunk(black_box(&windows), black_box(&totals), &mut out);
            out.len()
        })
    });
    group.bench_function("decode", |b| b.iter(|| decode_chunk(MINUTE, black_box(&bytes)).expect("valid")));
    group.finish();
}

fn live(c: &mut Criterion) {
    let (windows, _) = minute();
    let window = |(metric_id, _)| LiveWindow {
        tenant: TenantId::default(),
        metric_id,
        era: 0,
        fragment: 0,
        window: windows[0].clone(),
    };
    let record = LiveRecord {
        source: SourceId { epoch: 1, partition: 0 },
        watermark: Clock::default(),
        windows: labels().into_iter().map(window).collect(),
    };
    let bytes = encode_live(&record);
    let mut group = c.benchmark_group(format!("live record, {} bytes a window", bytes.len() as u64 / SERIES));
    group.throughput(Throughput::Elements(SERIES));
    group.bench_function("encode", |b| b.iter(|| encode_live(black_box(&record))));
    group.bench_function("decode", |b| {
        b.iter_batched(|| bytes.clone(), |bytes| decode_live(&bytes).expect("valid"), BatchSize::SmallInput)
    });
    group.finish();
}

criterion_group!(benches, records, chunks, live);
criterion_main!(benches);
