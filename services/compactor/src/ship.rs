//! One hour of a shard: store → archive, an object for each tenant.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use hashbrown::{HashMap, HashSet};
use tidegate_codec::stored::decode_chunk;
use tidegate_coldstore::{Archive, Coverage, EncodedObject, ObjectKey, ObjectWriter, Period, PutOutcome, series_order};
use tidegate_hotstore::HotStore;
use tidegate_model::time::HOURS_PER_DAY;
use tidegate_model::{Clock, Labels, MetricId, SourceId, TenantId};

use crate::Error;
use crate::due::DueHour;
use crate::gather::{Gathered, TenantRows};
use crate::merge::merge_windows;

/// Days after an hour's own on which a row of its series may be: samples come
/// up to six days late.
const NEIGHBOUR_DAYS: u32 = 8;

/// What was put for one hour of a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shipped {
    pub objects: u64,
    /// Of those, the ones that were there already, byte for byte or fuller.
    pub unchanged: u64,
    /// Whose objects were put.
    pub tenants: Vec<TenantId>,
    pub rows: u64,
    pub samples: u64,
    pub bytes: u64,
}

impl Shipped {
    fn add(&mut self, hour: &EncodedObject, outcome: PutOutcome) {
        self.objects += 1;
        match outcome {
            PutOutcome::Created | PutOutcome::Replaced => self.tenants.push(hour.key.tenant.clone()),
            PutOutcome::Unchanged | PutOutcome::Superseded => self.unchanged += 1,
        }
        self.rows += hour.rows;
        self.samples += hour.samples;
        self.bytes += hour.bytes.len() as u64;
    }
}

/// Puts the hour's objects and then marks it as shipped up to `due.touched`,
/// which was read before the rows are: what closes meanwhile may be in the
/// object and brings a rebuild all the same. When a tenant's object fails, the
/// others are put, the hour is not marked, and the first error is the answer.
pub async fn ship_hour(
    store: &dyn HotStore,
    archive: &Archive,
    partitions: u16,
    due: &DueHour,
) -> Result<Shipped, Error> {
    let gathered = Gathered::read(store, due.shard, partitions, due.hour).await?;
    let labels = Arc::new(read_labels(store, partitions, due, &gathered).await?);
    let (mut shipped, mut first_error) = (Shipped::default(), None);
    for (tenant, rows) in gathered.tenants {
        let key = ObjectKey { tenant: tenant.clone(), period: Period::Hour(due.hour), shard: due.shard };
        match ship_tenant(archive, key, rows, &labels, due).await {
            Ok((hour, outcome)) => shipped.add(&hour, outcome),
            // What ails one tenant's object must not keep the others waiting.
            Err(error) => {
                tracing::warn!(%tenant, shard = due.shard, hour = due.hour, %error, "cannot ship a tenant's hour");
                first_error.get_or_insert(error);
            }
        }
    }
    if let Some(error) = first_error {
        return Err(error);
    }
    if shipped.rows == 0 {
        tracing::warn!(shard = due.shard, hour = due.hour, "an hour to be shipped has no rows in the store");
    }
    for (source, touched) in &due.touched {
        store.ship_hour(*source, due.hour, *touched).await?;
    }
    Ok(shipped)
}

async fn ship_tenant(
    archive: &Archive,
    key: ObjectKey,
    rows: TenantRows,
    labels: &Arc<LabelsOf>,
    due: &DueHour,
) -> Result<(EncodedObject, PutOutcome), Error> {
    let started = Instant::now();
    let (labels, touched) = (labels.clone(), due.touched.clone());
    let hour = tokio::task::spawn_blocking(move || encode(key, &rows, &labels, &touched)).await??;
    let outcome = archive.put(&hour).await?;
    if outcome == PutOutcome::Superseded {
        tracing::warn!(
            tenant = %hour.key.tenant,
            shard = due.shard,
            hour = due.hour,
            "another compactor has shipped the hour as of later"
        );
    }
    tracing::info!(
        tenant = %hour.key.tenant,
        shard = due.shard,
        hour = due.hour,
        ?outcome,
        series = hour.series,
        samples = hour.samples,
        size_bytes = hour.bytes.len(),
        took_ms = started.elapsed().as_millis() as u64,
        "shipped an hour to the archive"
    );
    Ok((hour, outcome))
}

/// Labels by tenant and series, as far as they are known.
type LabelsOf = HashMap<(TenantId, MetricId), Labels>;

async fn read_labels(
    store: &dyn HotStore,
    partitions: u16,
    due: &DueHour,
    gathered: &Gathered,
) -> Result<LabelsOf, Error> {
    let mut missing: HashSet<(TenantId, MetricId)> = HashSet::new();
    for (tenant, rows) in &gathered.tenants {
        missing.extend(rows.series.iter().map(|id| (tenant.clone(), *id)));
    }
    let mut labels = LabelsOf::with_capacity(missing.len());
    let day = due.hour / HOURS_PER_DAY;
    for row in store.read_series(due.shard, day).await? {
        let key = (row.tenant, row.metric_id);
        if missing.remove(&key) {
            labels.insert(key, row.labels);
        }
    }
    if !missing.is_empty() {
        // A late sample may belong to a day of which the series has no row.
        let ids: Vec<_> = missing.iter().map(|(_, id)| *id).collect();
        let days = day.saturating_sub(1)..day + NEIGHBOUR_DAYS;
        for row in store.find_series(partitions, &ids, days).await? {
            let key = (row.tenant, row.metric_id);
            if missing.remove(&key) {
                labels.insert(key, row.labels);
            }
        }
    }
    Ok(labels)
}

fn encode(
    key: ObjectKey,
    rows: &TenantRows,
    labels: &LabelsOf,
    touched: &BTreeMap<SourceId, Clock>,
) -> Result<EncodedObject, Error> {
    let tenant = key.tenant.clone();
    let mut order: Vec<(usize, MetricId, &Labels)> = Vec::with_capacity(rows.series.len());
    let mut unknown = Vec::new();
    for (index, id) in rows.series.iter().enumerate() {
        match labels.get(&(tenant.clone(), *id)) {
            Some(labels) => order.push((index, *id, labels)),
            None => unknown.push(*id),
        }
    }
    if let Some(first) = unknown.iter().copied().min() {
        let (shard, hour) = (key.shard, key.period.number());
        return Err(Error::UnknownSeries { tenant, shard, hour, count: unknown.len(), first });
    }
    order.sort_unstable_by(|(_, _, a), (_, _, b)| series_order(a, b));
    let mut coverage = Coverage::default();
    let mut writer = ObjectWriter::new(key)?;
    for (index, id, labels) in order {
        let mut windows = Vec::new();
        for chunk in rows.chunks(index) {
            let decoded = decode_chunk(chunk.minute, chunk.bytes).map_err(|source| Error::Chunk {
                tenant: tenant.clone(),
                metric_id: id,
                minute: chunk.minute,
                source,
            })?;
            windows.extend(decoded.windows);
            // By the rows' own count: the writer compares it with the windows'.
            coverage.count(chunk.source, chunk.era, u64::from(chunk.samples));
        }
        writer.series(id, labels, &merge_windows(windows))?;
    }
    for (source, touched) in touched {
        if let Some(covered) = coverage.sources.get_mut(source) {
            covered.clock = *touched;
        }
    }
    Ok(writer.finish(coverage)?)
}

#[cfg(test)]
mod tests;
