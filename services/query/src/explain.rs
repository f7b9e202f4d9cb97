//! What a query read from where, and how long that took: `explain=1`.

use std::time::Duration;

use crate::api::Json;

#[derive(Clone, Debug, Default)]
pub(crate) struct Explained {
    pub tail: Read,
    pub store: Read,
    pub archive: Read,
    /// Hours of series that were at hand from an earlier read of the store.
    pub cached_hours: u64,
    /// Likewise of the archive; of its longer windows, days and months.
    pub cached_archived_hours: u64,
    /// What the evaluation was given, after fragments were merged.
    pub series: u64,
    pub samples: u64,
    /// For a place in the line of queries.
    pub waited: Duration,
    pub loaded: Duration,
    pub evaluated: Duration,
}

/// What one place gave.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Read {
    /// Series that were asked for; of the archive, those that it gave.
    pub series: u64,
    /// Rows of the store, objects of the archive.
    pub units: u64,
    /// Of rows, as they are stored.
    pub size_bytes: u64,
    pub windows: u64,
    pub took: Duration,
}

impl Read {
    pub fn add(&mut self, other: Self) {
        self.series += other.series;
        self.units += other.units;
        self.size_bytes += other.size_bytes;
        self.windows += other.windows;
        self.took += other.took;
    }
}

impl Explained {
    pub fn write(&self, json: &mut Json) {
        json.raw(r#"{"tail":"#);
        numbers(json, &[("series", self.tail.series), ("windows", self.tail.windows)], self.tail.took);
        json.raw(r#","store":"#);
        let Read { series, units, size_bytes, windows, took } = self.store;
        let cached_hours = self.cached_hours;
        let store = [("series", series), ("rows", units), ("bytes", size_bytes), ("windows", windows)];
        numbers(json, &[&store[..], &[("cached_hours", cached_hours)]].concat(), took);
        json.raw(r#","archive":"#);
        let Read { series, units, windows, took, .. } = self.archive;
        let cached_hours = self.cached_archived_hours;
        let archive = [("series", series), ("objects", units), ("windows", windows), ("cached_hours", cached_hours)];
        numbers(json, &archive, took);
        json.raw(&format!(r#","series":{},"samples":{},"seconds":{{"#, self.series, self.samples));
        let stages = [("waiting", self.waited), ("loading", self.loaded), ("evaluating", self.evaluated)];
        json.list(stages, |json, (name, took)| json.raw(&format!(r#""{name}":{:.6}"#, took.as_secs_f64())));
        json.raw("}}");
    }
}

fn numbers(json: &mut Json, numbers: &[(&str, u64)], took: Duration) {
    json.raw("{");
    for (name, number) in numbers {
        json.raw(&format!(r#""{name}":{number},"#));
    }
    json.raw(&format!(r#""seconds":{:.6}}}"#, took.as_secs_f64()));
}
