//! Decoding of outside bytes: megabytes of request bodies and samples per
//! second on a core.
//!
//! The data: host metrics as a scraper sends them, 2,000 series of 6 labels
//! with a sample each in a request.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tidegate_codec::ingest::{
    Encoding, LabelLimits, Metadata, SampleError, Scratch, SeriesError, Sink, decompress, json, push, remote_write_v1,
    remote_write_v2,
};
use tidegate_codec::stored::PartWriter;
use tidegate_model::{BatchId, Distribution, Histogram, MetricIds, TenantId};

const SERIES: usize = 2_000;
const PARTITIONS: u16 = 12;
const TIME_MS: i64 = 1_700_000_000_000;

fn labels(number: usize) -> [(String, String); 6] {
    let pair = |name: &str, value: String| (name.to_owned(), value);
    [
        pair("__name__", format!("node_disk_io_time_seconds_total_{}", number % 50)),
        pair("cpu", (number % 8).to_string()),
        pair("datacenter", format!("eu-west-{}", number % 3)),
        pair("device", format!("nvme{}n1", number % 4)),
        pair("instance", format!("host-{:04}.example.org:9100", number / 50)),
        pair("job", "node-exporter".to_owned()),
    ]
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn put_bytes(out: &mut Vec<u8>, field: u64, content: &[u8]) {
    put_varint(out, field << 3 | 2);
    put_varint(out, content.len() as u64);
    out.extend_from_slice(content);
}

/// `Sample` with the value and the time in these fields.
fn sample(value_field: u64, time_field: u64, number: usize) -> Vec<u8> {
    let (mut value, mut time) = (Vec::new(), Vec::new());
    put_varint(&mut value, value_field << 3 | 1);
    value.extend_from_slice(&(number as f64 * 1.37).to_le_bytes());
    put_varint(&mut time, time_field << 3);
    put_varint(&mut time, TIME_MS as u64);
    if value_field < time_field { [value, time].concat() } else { [time, value].concat() }
}

fn write_v1() -> Vec<u8> {
    let mut body = Vec::new();
    for number in 0..SERIES {
        let mut series = Vec::new();
        for (name, value) in labels(number) {
            let mut label = Vec::new();
            put_bytes(&mut label, 1, name.as_bytes());
            put_bytes(&mut label, 2, value.as_bytes());
            put_bytes(&mut series, 1, &label);
        }
        put_bytes(&mut series, 2, &sample(1, 2, number));
        put_bytes(&mut body, 1, &series);
    }
    body
}

/// A request of symbols in field 4 and series in field 5, as remote write 2.0
/// and the native push have it.
fn with_symbols(sample: impl Fn(usize) -> Vec<u8>) -> Vec<u8> {
    let mut symbols = vec![String::new()];
    let mut all = Vec::new();
    for number in 0..SERIES {
        let mut references = Vec::new();
        for text in labels(number).into_iter().flat_map(|(name, value)| [name, value]) {
            let known = symbols.iter().position(|symbol| *symbol == text);
            let reference = known.unwrap_or_else(|| {
                symbols.push(text);
                symbols.len() - 1
            });
            put_varint(&mut references, reference as u64);
        }
        let mut series = Vec::new();
        put_bytes(&mut series, 1, &references);
        put_bytes(&mut series, 2, &sample(number));
        put_bytes(&mut all, 5, &series);
    }
    let mut body = Vec::new();
    symbols.iter().for_each(|symbol| put_bytes(&mut body, 4, symbol.as_bytes()));
    body.extend(all);
    body
}

fn json_body() -> Vec<u8> {
    let metrics: Vec<_> = (0..SERIES)
        .map(|number| {
            let mut tags = serde_json::Map::new();
            let labels = labels(number);
            for (name, value) in &labels[1..] {
                tags.insert(name.clone(), value.as_str().into());
            }
            serde_json::json!({"name": labels[0].1, "value": number as f64 * 1.37, "timestamp": TIME_MS, "tags": tags})
        })
        .collect();
    serde_json::json!({ "metrics": metrics }).to_string().into_bytes()
}

/// Only looks.
#[derive(Default)]
struct Looker {
    bytes: usize,
    samples: u64,
}

impl Sink for Looker {
    fn series(&mut self, _: u32, labels: Result<&[u8], SeriesError>) {
        self.bytes += labels.map_or(0, <[u8]>::len);
    }

    fn float(&mut self, time_ms: Option<i64>, value: f64) {
        black_box((time_ms, value));
        self.samples += 1;
    }

    fn delta_float(&mut self, _: Option<i64>, _: f64) {}
    fn histogram(&mut self, _: Option<i64>, _: &Histogram) {}
    fn distribution(&mut self, _: Option<i64>, _: &Distribution) {}
    fn invalid_sample(&mut self, _: SampleError) {}
    fn metadata(&mut self, _: Metadata<'_>) {}
}

/// Hashes series and writes parts, as a gateway does.
struct Writer {
    tenant: TenantId,
    ids: MetricIds,
    parts: Vec<PartWriter>,
    partition: usize,
}

impl Writer {
    fn new() -> Self {
        let parts = (0..PARTITIONS).map(|_| PartWriter::new()).collect();
        let tenant = TenantId::default();
        Self { ids: MetricIds::of(&tenant), tenant, parts, partition: 0 }
    }

    fn begin(&mut self) {
        self.parts.iter_mut().for_each(|part| part.begin(&self.tenant, BatchId::Content(1)));
    }

    fn finish(&mut self) -> Vec<Bytes> {
        self.parts.iter_mut().map(PartWriter::finish).collect()
    }
}

impl Sink for Writer {
    fn series(&mut self, _: u32, labels: Result<&[u8], SeriesError>) {
        if let Ok(labels) = labels {
            let id = self.ids.of_canonical(labels);
            self.partition = usize::from(id.partition(PARTITIONS));
            self.parts[self.partition].series(id, labels);
        }
    }

    fn float(&mut self, time_ms: Option<i64>, value: f64) {
        self.parts[self.partition].float(time_ms.unwrap_or(0), value);
    }

    fn delta_float(&mut self, _: Option<i64>, _: f64) {}
    fn histogram(&mut self, _: Option<i64>, _: &Histogram) {}
    fn distribution(&mut self, _: Option<i64>, _: &Distribution) {}
    fn invalid_sample(&mut self, _: SampleError) {}
    fn metadata(&mut self, _: Metadata<'_>) {}
}

type Decode = fn(&[u8], &mut Scratch, &mut Looker);

fn decoding(c: &mut Criterion) {
    let cases: [(&str, Vec<u8>, Decode); 4] = [
        ("remote_write_v1", write_v1(), |body, scratch, sink| remote_write_v1::decode(body, scratch, sink).unwrap()),
        ("remote_write_v2", with_symbols(|number| sample(1, 2, number)), |body, scratch, sink| {
            remote_write_v2::decode(body, scratch, sink).unwrap();
        }),
        ("push", with_symbols(|number| sample(2, 1, number)), |body, scratch, sink| {
            push::Push::open(body, scratch).unwrap().decode(scratch, sink).unwrap();
        }),
        ("json", json_body(), |body, scratch, sink| json::decode(body, scratch, sink).unwrap()),
    ];
    let mut group = c.benchmark_group("decode");
    let mut scratch = Scratch::new(LabelLimits::default());
    for (name, body, decode) in &cases {
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(*name, |b| {
            b.iter(|| {
                let mut sink = Looker::default();
                decode(black_box(body), &mut scratch, &mut sink);
                assert_eq!(sink.samples, SERIES as u64);
                sink.bytes
            });
        });
    }
}

fn whole_way(c: &mut Criterion) {
    let mut group = c.benchmark_group("to_parts");
    group.throughput(Throughput::Elements(SERIES as u64));
    let mut scratch = Scratch::new(LabelLimits::default());
    let mut sink = Writer::new();
    let body = write_v1();
    group.bench_function("remote_write_v1", |b| {
        b.iter(|| {
            sink.begin();
            remote_write_v1::decode(black_box(&body), &mut scratch, &mut sink).unwrap();
            sink.finish()
        });
    });
    let compressed = snap::raw::Encoder::new().compress_vec(&body).unwrap();
    let mut buffer = Vec::new();
    group.bench_function("remote_write_v1_snappy", |b| {
        b.iter(|| {
            sink.begin();
            let body = decompress(Encoding::Snappy, black_box(&compressed), 1 << 25, &mut buffer).unwrap();
            remote_write_v1::decode(body, &mut scratch, &mut sink).unwrap();
            sink.finish()
        });
    });
    let body = with_symbols(|number| sample(2, 1, number));
    group.bench_function("push", |b| {
        b.iter(|| {
            sink.begin();
            push::Push::open(black_box(&body), &mut scratch).unwrap().decode(&mut scratch, &mut sink).unwrap();
            sink.finish()
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(30).warm_up_time(std::time::Duration::from_millis(500))
        .measurement_time(std::time::Duration::from_secs(2));
    targets = decoding, whole_way
}
criterion_main!(benches);
