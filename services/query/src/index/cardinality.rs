//! Which metrics, labels and values make many series.

use roaring::RoaringBitmap;
use tidegate_model::METRIC_NAME;

use super::TenantIndex;

/// A name and how many of what there are; the most first, equals by name.
pub(crate) type Counts = Vec<(String, u64)>;

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Cardinality {
    pub series: u64,
    /// Different pairs of label and value.
    pub label_pairs: u64,
    pub series_by_metric: Counts,
    pub values_by_label: Counts,
    /// Text of the different values.
    pub value_bytes_by_label: Counts,
    /// `label=value`.
    pub series_by_pair: Counts,
}

impl TenantIndex {
    /// Of the series in `among`; each list has `top` entries at most.
    pub fn cardinality(&self, among: &RoaringBitmap, top: usize) -> Cardinality {
        let mut counted = Cardinality { series: among.len(), ..Cardinality::default() };
        for (label, values) in self.labels() {
            let (mut different, mut size_bytes) = (0, 0);
            for (value, series) in values {
                let series = series.intersection_len(among);
                if series == 0 {
                    continue;
                }
                different += 1;
                size_bytes += value.len() as u64;
                if label == METRIC_NAME {
                    keep(&mut counted.series_by_metric, series, top, || value.to_owned());
                }
                keep(&mut counted.series_by_pair, series, top, || format!("{label}={value}"));
            }
            if different > 0 {
                counted.label_pairs += different;
                keep(&mut counted.values_by_label, different, top, || label.to_owned());
                keep(&mut counted.value_bytes_by_label, size_bytes, top, || label.to_owned());
            }
        }
        counted
    }
}

/// Puts an entry in its place, if it is among the first `top`.
fn keep(counts: &mut Counts, count: u64, top: usize, name: impl FnOnce() -> String) {
    if counts.len() >= top && counts.last().is_none_or(|(_, least)| count < *least) {
        return;
    }
    let entry = (name(), count);
    let before = |other: &(String, u64)| other.1 > entry.1 || (other.1 == entry.1 && other.0 < entry.0);
    let place = counts.partition_point(before);
    counts.insert(place, entry);
    counts.truncate(top);
}

#[cfg(test)]
mod tests;
