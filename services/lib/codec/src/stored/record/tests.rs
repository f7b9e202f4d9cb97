use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use tidegate_model::{BatchId, Labels, MetricId, MetricMetadata, MetricType, TenantId, Value};

use super::super::{StoredError, arbitrary};
use super::*;

type SeriesOf = (MetricId, Labels, Vec<(i64, Value)>);

#[derive(Clone, Debug)]
struct PartOf {
    tenant: TenantId,
    batch: BatchId,
    series: Vec<SeriesOf>,
    metadata: Vec<(String, MetricMetadata)>,
}

fn part() -> impl Strategy<Value = PartOf> {
    let samples = vec((any::<i64>(), arbitrary::value()), 0..4);
    let series = vec((arbitrary::metric_id(), arbitrary::labels(), samples), 0..6);
    (arbitrary::tenant(), arbitrary::batch(), series, vec((".{1,9}", arbitrary::metadata()), 0..3))
        .prop_map(|(tenant, batch, series, metadata)| PartOf { tenant, batch, series, metadata })
}

fn write(writer: &mut PartWriter, part: &PartOf) -> bytes::Bytes {
    writer.begin(&part.tenant, part.batch);
    for (id, labels, samples) in &part.series {
        writer.series(*id, labels.as_bytes());
        for (time_ms, value) in samples {
            match value {
                Value::Float(v) => writer.float(*time_ms, *v),
                Value::DeltaFloat(v) => writer.delta_float(*time_ms, *v),
                Value::Histogram(h) => writer.histogram(*time_ms, h),
                Value::DeltaDistribution(d) => writer.distribution(*time_ms, d),
            }
        }
    }
    for (name, metadata) in &part.metadata {
        writer.metadata(name, metadata);
    }
    writer.finish()
}

/// Equal to the bit: floats as their bits.
fn bits(value: &Value) -> (u8, Vec<u64>, String) {
    match value {
        Value::Float(v) => (0, vec![v.to_bits()], String::new()),
        Value::DeltaFloat(v) => (1, vec![v.to_bits()], String::new()),
        Value::Histogram(h) => {
            let scalars = [h.zero_threshold, h.zero_count, h.count, h.sum];
            let counts = h.positive.counts.iter().chain(&h.negative.counts).chain(&h.custom_bounds);
            let floats = scalars.iter().chain(counts).map(|v| v.to_bits()).collect();
            (2, floats, format!("{} {:?} {:?} {:?}", h.schema, h.positive.spans, h.negative.spans, h.reset_hint))
        }
        Value::DeltaDistribution(d) => {
            (3, [d.sum, d.min, d.max].map(f64::to_bits).to_vec(), format!("{} {:?}", d.count, d.sketch))
        }
    }
}

fn assert_same(part: &PartOf, read: &Part<'_>) -> Result<(), StoredError> {
    assert_eq!(read.tenant, part.tenant.as_str());
    assert_eq!(read.batch, part.batch);
    assert_eq!(read.samples, part.series.iter().map(|(_, _, samples)| samples.len() as u64).sum::<u64>());
    assert_eq!(read.metadata(), part.metadata);
    let series = read.series().collect::<Result<Vec<_>, _>>()?;
    assert_eq!(series.len(), part.series.len());
    for (view, (id, labels, samples)) in series.iter().zip(&part.series) {
        assert_eq!(view.id, *id);
        assert_eq!(&view.labels()?, labels);
        let read = view.samples().collect::<Result<Vec<_>, _>>()?;
        let all = |samples: &[(i64, Value)]| samples.iter().map(|(t, v)| (*t, bits(v))).collect::<Vec<_>>();
        assert_eq!(all(&read), all(samples));
    }
    Ok(())
}

/// Reads all that can be read.
fn exhaust(bytes: &[u8]) {
    let Ok(record) = Record::parse(bytes) else { return };
    for part in record.parts().flatten() {
        part.metadata();
        for series in part.series().flatten() {
            if let Ok(labels) = series.labels() {
                assert!(labels.as_bytes().len() <= bytes.len());
            }
            series.samples().flatten().for_each(drop);
        }
    }
}

proptest! {
    #[test]
    fn records_come_back(parts in vec(part(), 0..4)) {
        let mut writer = PartWriter::new();
        let encoded: Vec<_> = parts.iter().map(|part| write(&mut writer, part)).collect();
        let record = join(&encoded);
        let record = Record::parse(&record).expect("valid");
        prop_assert_eq!(record.is_tick(), parts.is_empty());
        let read = record.parts().collect::<Result<Vec<_>, _>>().expect("valid");
        prop_assert_eq!(read.len(), parts.len());
        for (part, read) in parts.iter().zip(&read) {
            assert_same(part, read).expect("valid");
        }
    }

    #[test]
    fn merged_records_are_their_parts_joined(parts in vec(part(), 0..4)) {
        let mut writer = PartWriter::new();
        let encode = |part| {
            let part = write(&mut writer, part);
            let record = writer.finish_record();
            assert_eq!(record, join(std::slice::from_ref(&part)));
            (part, record)
        };
        let (parts, records): (Vec<_>, Vec<_>) = parts.iter().map(encode).unzip();
        prop_assert_eq!(merge(&records), join(&parts));
    }

    #[test]
    fn pairs_are_the_same_when_their_bytes_are(a in vec(0..2u8, 0..40), b in vec(0..2u8, 0..40), at: prop::sample::Index) {
        prop_assert_eq!(writer::is_same(&a, &b), a == b);
        let mut changed = a.clone();
        prop_assert!(writer::is_same(&a, &changed));
        if let Some(byte) = changed.get_mut(at.index(a.len().max(1))) {
            *byte ^= 1;
            prop_assert!(!writer::is_same(&a, &changed));
        }
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(mut bytes: Vec<u8>) {
        exhaust(&bytes);
        bytes.insert(0, RECORD_VERSION);
        exhaust(&bytes);
    }

    #[test]
    fn damaged_records_do_not_panic(
        bytes in vec(part(), 1..3).prop_flat_map(|parts| {
            let mut writer = PartWriter::new();
            let encoded: Vec<_> = parts.iter().map(|part| write(&mut writer, part)).collect();
            arbitrary::mutated(join(&encoded).to_vec())
        })
    ) {
        exhaust(&bytes);
    }
}

fn of_one_series(labels: &[u8], samples: &[f64]) -> bytes::Bytes {
    let mut writer = PartWriter::new();
    writer.begin(&TenantId::default(), BatchId::Content(7));
    writer.series(MetricId(1), labels);
    for value in samples {
        writer.float(1_000, *value);
    }
    join(&[writer.finish()])
}

#[test]
fn a_record_of_no_parts_is_a_tick() {
    let tick = join(&[]);
    let record = Record::parse(&tick).expect("valid");
    assert!(record.is_tick());
    assert_eq!(record.parts().count(), 0);
    assert_eq!(tick.len(), 1);
}

#[test]
fn neighbours_share_their_symbols() {
    let labels = |cpu: u32| {
        let cpu = cpu.to_string();
        let pairs = [("__name__", "cpu_seconds_total"), ("cpu", &cpu), ("instance", "host-17"), ("job", "node")];
        Labels::from_pairs(pairs).expect("valid")
    };
    let mut writer = PartWriter::new();
    writer.begin(&TenantId::default(), BatchId::Content(7));
    for cpu in 0..100 {
        writer.series(MetricId(u128::from(cpu)), labels(cpu).as_bytes());
        writer.float(1_700_000_000_000, f64::from(cpu));
    }
    assert_eq!(writer.samples(), 100);
    let record = join(&[writer.finish()]);
    // Per series: id 16, four pairs 5, length 1, sample 9, its own pair 7.
    assert!(record.len() < 100 * 38 + 100, "{} bytes", record.len());
    let parts: Vec<_> = Record::parse(&record).expect("valid").parts().collect::<Result<_, _>>().expect("valid");
    for (cpu, series) in parts[0].series().enumerate() {
        assert_eq!(series.expect("valid").labels().expect("valid"), labels(cpu as u32));
    }
}

#[test]
fn more_than_127_labels_come_back() {
    let names: Vec<String> = (0..300).map(|n| format!("label_{n:03}")).collect();
    let labels = Labels::from_pairs(names.iter().map(|name| (name.as_str(), "x"))).expect("valid");
    let record = of_one_series(labels.as_bytes(), &[1.0]);
    let part = Record::parse(&record).expect("valid").parts().next().expect("one").expect("valid");
    assert_eq!(part.series().next().expect("one").expect("valid").labels().expect("valid"), labels);
}

#[test]
fn metadata_alone_makes_a_part() {
    let mut writer = PartWriter::new();
    writer.begin(&TenantId::default(), BatchId::Content(7));
    assert!(writer.is_empty());
    let metadata = MetricMetadata { metric_type: MetricType::Counter, unit: "s".into(), help: "Time.".into() };
    writer.metadata("cpu_seconds_total", &metadata);
    assert!(!writer.is_empty());
    let record = join(&[writer.finish()]);
    let part = Record::parse(&record).expect("valid").parts().next().expect("one").expect("valid");
    assert_eq!(part.metadata(), [("cpu_seconds_total".to_owned(), metadata)]);
    assert_eq!(part.series().count(), 0);
}

#[test]
fn a_symbol_used_twice_does_not_multiply() {
    // 200 references to one pair of 1 KB.
    let labels = Labels::from_pairs([("a", "x".repeat(1_000).as_str())]).expect("valid");
    let pairs = vec![0u8; 200];
    let whole = of_one_series(labels.as_bytes(), &[1.0]);
    let id_at = whole.windows(16).position(|w| w == 1u128.to_le_bytes()).expect("the id");
    let mut series = 1u128.to_le_bytes().to_vec();
    series.extend([200, 1]);
    series.extend(&pairs);
    series.push(0);
    let mut part = whole[3..id_at - 1].to_vec();
    super::super::varint::put_varint(&mut part, series.len() as u64);
    part.extend(&series);
    super::super::varint::put_bytes(&mut part, labels.as_bytes());
    part.push(0);
    let record = join(&[part.into()]);
    let part = Record::parse(&record).expect("valid").parts().next().expect("one").expect("valid");
    let series = part.series().next().expect("one").expect("valid");
    assert_eq!(series.labels(), Err(StoredError::Invalid("label names are not sorted")));
}

#[test]
fn unknown_versions_are_named() {
    assert_eq!(Record::parse(&[9]).err(), Some(StoredError::Version { format: "record", found: 9 }));
    assert_eq!(Record::parse(&[]).err(), Some(StoredError::Truncated));
    let part = Record::parse(&[RECORD_VERSION, 1, 9]).expect("valid").parts().next().expect("one");
    assert_eq!(part.err(), Some(StoredError::Version { format: "part", found: 9 }));
}

#[test]
fn a_writer_begins_anew() {
    let mut writer = PartWriter::new();
    writer.begin(&TenantId::default(), BatchId::Content(1));
    writer.series(MetricId(1), Labels::from_pairs([("a", "b")]).expect("valid").as_bytes());
    writer.histogram(
        5,
        &Arc::new(tidegate_model::Histogram {
            schema: 0,
            zero_threshold: 0.0,
            zero_count: 0.0,
            count: 0.0,
            sum: 0.0,
            positive: Default::default(),
            negative: Default::default(),
            custom_bounds: vec![],
            reset_hint: Default::default(),
        }),
    );
    writer.begin(&TenantId::default(), BatchId::Content(2));
    assert!(writer.is_empty());
    let record = join(&[writer.finish()]);
    let part = Record::parse(&record).expect("valid").parts().next().expect("one").expect("valid");
    assert_eq!((part.batch, part.series().count()), (BatchId::Content(2), 0));
}
