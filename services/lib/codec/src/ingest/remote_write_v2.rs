//! Prometheus remote write 2.0: `io.prometheus.write.v2.Request`, already
//! decompressed.

use super::protobuf::{Key, Reader, WireError, bytes_key, varint_key};
use super::{DecodeError, Metadata, Scratch, SeriesError, Sink, prometheus};

const SYMBOLS: Key = bytes_key(4);
const TIME_SERIES: Key = bytes_key(5);

const LABEL_REFS: Key = bytes_key(1);
const LABEL_REF: Key = varint_key(1);
const SAMPLES: Key = bytes_key(2);
const HISTOGRAMS: Key = bytes_key(3);
const EXEMPLARS: Key = bytes_key(4);
const METADATA: Key = bytes_key(5);

pub fn decode(body: &[u8], scratch: &mut Scratch, sink: &mut impl Sink) -> Result<(), DecodeError> {
    scratch.symbols.clear();
    let mut reader = Reader::new(body);
    while let Some(key) = reader.key()? {
        if key == SYMBOLS {
            let symbol = reader.bytes()?;
            scratch.symbols.push(body, reader.remaining(), symbol);
        } else {
            reader.skip(key)?;
        }
    }
    if scratch.symbols.get(body, 0).is_some_and(|first| !first.is_empty()) {
        return Err(DecodeError::FirstSymbol);
    }
    let mut reader = Reader::new(body);
    let mut index = 0;
    while let Some(key) = reader.key()? {
        if key == TIME_SERIES {
            time_series(index, body, reader.bytes()?, scratch, sink)?;
            index += 1;
        } else {
            reader.skip(key)?;
        }
    }
    Ok(())
}

/// Labels and metadata first, wherever they stand, then the samples.
fn time_series(
    index: u32,
    body: &[u8],
    message: &[u8],
    scratch: &mut Scratch,
    sink: &mut impl Sink,
) -> Result<(), WireError> {
    let mut reader = Reader::new(message);
    let mut rest = None;
    let mut metadata: &[u8] = &[];
    let mut pending = None;
    scratch.labels.begin();
    loop {
        let before = reader;
        match reader.key()? {
            None => break,
            Some(LABEL_REFS) => {
                scratch.symbols.resolve(body, reader.bytes()?, &mut pending, &mut scratch.labels)?;
            }
            Some(LABEL_REF) => {
                scratch.symbols.resolve_one(body, reader.varint()?, &mut pending, &mut scratch.labels);
            }
            Some(METADATA) => metadata = reader.bytes()?,
            Some(other) => {
                rest.get_or_insert(before);
                reader.skip(other)?;
            }
        }
    }
    if pending.is_some() {
        scratch.labels.refuse(SeriesError::OddReferences);
    }
    let labels = scratch.labels.finish();
    let is_taken = labels.is_ok();
    sink.series(index, labels);
    if is_taken && !metadata.is_empty() {
        series_metadata(body, metadata, scratch, sink)?;
    }
    let Some(mut reader) = rest else { return Ok(()) };
    while let Some(key) = reader.key()? {
        match key {
            SAMPLES => {
                let (time_ms, value) = prometheus::sample(reader.bytes()?)?;
                sink.float(Some(time_ms), value);
            }
            HISTOGRAMS => prometheus::histogram(reader.bytes()?, scratch, sink)?,
            EXEMPLARS => {
                reader.bytes()?;
                sink.exemplars(1);
            }
            other => reader.skip(other)?,
        }
    }
    Ok(())
}

fn series_metadata(body: &[u8], message: &[u8], scratch: &Scratch, sink: &mut impl Sink) -> Result<(), WireError> {
    let mut reader = Reader::new(message);
    let (mut metric_type, mut help, mut unit) = (0, 0, 0);
    while let Some(key) = reader.key()? {
        match (key >> 3, key & 7) {
            (1, 0) => metric_type = reader.varint()?,
            (3, 0) => help = reader.varint()?,
            (4, 0) => unit = reader.varint()?,
            _ => reader.skip(key)?,
        }
    }
    if metric_type != 0 || help != 0 || unit != 0 {
        sink.metadata(Metadata {
            name: scratch.labels.metric_name(),
            metric_type: prometheus::metric_type(metric_type),
            unit: scratch.symbols.text(body, unit),
            help: scratch.symbols.text(body, help),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
