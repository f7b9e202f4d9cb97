//! From the bytes of a record into the fold.

use tidegate_codec::stored::{Part, Record as Stored, StoredError};
use tidegate_eventlog::Record;
use tidegate_fold::{Fold, Placed};
use tidegate_model::{SeriesKind, TenantError, TenantId, Value};

use crate::metadata::Metadata;
use crate::metrics::Metrics;
use crate::registry::{Moment, Registry};

#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error(transparent)]
    Bytes(#[from] StoredError),
    #[error(transparent)]
    Tenant(#[from] TenantError),
}

/// Reads records, and notes series and metadata that are new.
pub(crate) struct Intake {
    pub registry: Registry,
    pub metadata: Metadata,
    /// Of the part before, so that a part costs no allocation.
    tenant: TenantId,
}

#[derive(Default)]
struct Counts {
    samples: u64,
    duplicates: u64,
}

impl Intake {
    pub fn new(registry: Registry) -> Self {
        Self { registry, metadata: Metadata::default(), tenant: TenantId::default() }
    }

    /// Folds a record; returns how many samples it held. What cannot be read
    /// is counted, and everything else goes on.
    pub fn fold(&mut self, fold: &mut Fold, record: &Record, metrics: &Metrics) -> u64 {
        fold.begin_record(record.offset, record.append_time_ms);
        let mut counts = Counts::default();
        if let Err(error) = self.parts(fold, &record.payload, &mut counts) {
            let partition = fold.source().partition;
            tracing::error!(partition, offset = record.offset, %error, "record cannot be read");
            fold.poison();
            metrics.poison.inc();
        }
        metrics.records.inc();
        metrics.samples.inc_by(counts.samples);
        metrics.duplicates.inc_by(counts.duplicates);
        counts.samples + counts.duplicates
    }

    fn parts(&mut self, fold: &mut Fold, payload: &[u8], counts: &mut Counts) -> Result<(), Unreadable> {
        let mut first_error = Ok(());
        for part in Stored::parse(payload)?.parts() {
            let read = part.map_err(Unreadable::from).and_then(|part| self.part(fold, &part, counts));
            // One batch that cannot be read does not touch the others.
            if first_error.is_ok() {
                first_error = read;
            }
        }
        first_error
    }

    fn part(&mut self, fold: &mut Fold, part: &Part<'_>, counts: &mut Counts) -> Result<(), Unreadable> {
        if self.tenant.as_str() != part.tenant {
            self.tenant = TenantId::new(part.tenant)?;
        }
        fold.begin_part(part.batch, &self.tenant);
        let now = Moment::of(fold.clock().effective_ms);
        for series in part.series() {
            let series = series?;
            for sample in series.samples() {
                let (time_ms, value) = sample?;
                let (placed, kind) = match value {
                    Value::Float(value) => (fold.float(series.id, time_ms, value), SeriesKind::Float),
                    other => {
                        let kind = kind_of(&other);
                        (fold.sample(series.id, time_ms, other), kind)
                    }
                };
                match placed {
                    Placed::Known | Placed::Closed => {}
                    Placed::Duplicate => {
                        counts.duplicates += 1;
                        continue;
                    }
                    Placed::NewInFragment => {
                        self.registry.seen(&self.tenant, series.id, time_ms, now, kind, || series.labels())?;
                    }
                }
                counts.samples += 1;
            }
        }
        self.metadata.seen(&self.tenant, part.metadata());
        Ok(())
    }
}

fn kind_of(value: &Value) -> SeriesKind {
    match value {
        Value::Float(_) => SeriesKind::Float,
        Value::Histogram(_) => SeriesKind::Histogram,
        Value::DeltaFloat(_) => SeriesKind::DeltaFloat,
        Value::DeltaDistribution(_) => SeriesKind::DeltaDistribution,
    }
}
