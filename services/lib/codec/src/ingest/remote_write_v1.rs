//! Prometheus remote write 1.0: `prometheus.WriteRequest`, already
//! decompressed.

use super::protobuf::{Key, Reader, WireError, bytes_key};
use super::{DecodeError, Metadata, Scratch, Sink, prometheus};

const TIME_SERIES: Key = bytes_key(1);
const METADATA: Key = bytes_key(3);

const LABELS: Key = bytes_key(1);
const SAMPLES: Key = bytes_key(2);
const EXEMPLARS: Key = bytes_key(3);
const HISTOGRAMS: Key = bytes_key(4);

pub fn decode(body: &[u8], scratch: &mut Scratch, sink: &mut impl Sink) -> Result<(), DecodeError> {
    let mut reader = Reader::new(body);
    let mut index = 0;
    while let Some(key) = reader.key()? {
        match key {
            TIME_SERIES => {
                time_series(index, reader.bytes()?, scratch, sink)?;
                index += 1;
            }
            METADATA => metadata(reader.bytes()?, sink)?,
            other => reader.skip(other)?,
        }
    }
    Ok(())
}

/// Labels first, wherever they stand, then the samples.
fn time_series(index: u32, message: &[u8], scratch: &mut Scratch, sink: &mut impl Sink) -> Result<(), WireError> {
    let mut reader = Reader::new(message);
    let mut rest = None;
    scratch.labels.begin();
    loop {
        let before = reader;
        match reader.key()? {
            None => break,
            Some(LABELS) => {
                let (name, value) = prometheus::label(reader.bytes()?)?;
                scratch.labels.pair(name, value);
            }
            Some(other) => {
                rest.get_or_insert(before);
                reader.skip(other)?;
            }
        }
    }
    sink.series(index, scratch.labels.finish());
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

/// Metadata that is not UTF-8 is left out: it refuses no samples.
fn metadata(message: &[u8], sink: &mut impl Sink) -> Result<(), WireError> {
    let mut reader = Reader::new(message);
    let (mut metric_type, mut name, mut help, mut unit): (_, &[u8], &[u8], &[u8]) = (0, &[], &[], &[]);
    while let Some(key) = reader.key()? {
        match (key >> 3, key & 7) {
            (1, 0) => metric_type = reader.varint()?,
            (2, 2) => name = reader.bytes()?,
            (4, 2) => help = reader.bytes()?,
            (5, 2) => unit = reader.bytes()?,
            _ => reader.skip(key)?,
        }
    }
    let texts = (std::str::from_utf8(name), std::str::from_utf8(help), std::str::from_utf8(unit));
    if let (Ok(name), Ok(help), Ok(unit)) = texts
        && !name.is_empty()
    {
        sink.metadata(Metadata { name, metric_type: prometheus::metric_type(metric_type), unit, help });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
