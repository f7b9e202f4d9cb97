//! `tidegate.ScrapeSource`: pages of metrics as records of gauges.

use std::time::Duration;

use async_trait::async_trait;
use http::Uri;
use tidegate_mad::config::{ScrapeInput, Target};
use tidegate_mad::{Kind, Metric, Quantity, Record};
use tidegate_runtime::Tasks;

use super::{SourceMetrics, StartError};
use crate::http_client;
use crate::mad::feed::Feed;
use crate::scrape::{
    Checked, Config, Describe, Destination, Group, Job, Labels, Metrics, Point, Scraped, check_job, start_jobs,
};

/// Between two looks at files of targets.
const DISCOVERY_INTERVAL: Duration = Duration::from_secs(5);

/// # Errors
/// When an address or a rule makes no sense.
pub fn start(
    name: &str,
    input: &ScrapeInput,
    feed: Feed,
    metrics: &SourceMetrics,
    tasks: &mut Tasks,
) -> Result<(), StartError> {
    let metrics = Metrics::counting(&metrics.received, &metrics.failures);
    Ok(start_jobs(vec![checked(name, input)?], feed, metrics, DISCOVERY_INTERVAL, tasks)?)
}

/// Refuses what [`start`] would.
///
/// # Errors
/// When an address, a rule or a certificate makes no sense.
pub fn check(name: &str, input: &ScrapeInput) -> Result<(), StartError> {
    Ok(check_job(checked(name, input)?)?)
}

/// As gauges, one record each.
#[async_trait]
impl Destination for Feed {
    async fn hand_on(&self, scraped: &Scraped, _: Describe) {
        let records = scraped.points.iter().filter_map(record).collect();
        // One that has ended ends the scraping, too.
        self.send(records).await.ok();
    }
}

/// What is not finite, the ends of series among it, is left out as it is of remote
/// write.
fn record(point: &Point) -> Option<Record> {
    let name = point.labels.get("__name__").filter(|_| point.value.is_finite())?;
    let dimensions = point.labels.iter().filter(|(name, _)| *name != "__name__");
    let samples = vec![Quantity::plain(point.value)];
    let metric = Metric { kind: Kind::Gauge, samples, histograms: Vec::new() };
    Some(Record {
        time_ms: point.timestamp_ms,
        request_time_ms: None,
        dimensions: dimensions.map(|(name, value)| (name.as_str(), value.as_str())).collect(),
        metrics: vec![(name.as_str().into(), metric)],
    })
}

fn checked(name: &str, input: &ScrapeInput) -> Result<Checked, StartError> {
    let job = Job {
        name: name.to_owned(),
        target_files: input.target_files.clone(),
        metrics_path: input.metrics_path.clone(),
        tls: http_client::tls(&input.tls),
        interval_seconds: input.interval.as_secs().max(1),
        timeout_seconds: input.timeout.as_secs().max(1),
        relabel: input.relabel.clone(),
        metric_relabel: input.metric_relabel.clone(),
        ..Job::default()
    };
    let groups = input.targets.iter().map(group).collect::<Result<_, _>>()?;
    Ok(Checked { groups, ..Config::default().check_job(job)? })
}

/// An address as the labels that it is made of.
fn group(target: &Target) -> Result<Group, StartError> {
    let wrong = |reason: String| StartError::Target { uri: target.uri.clone(), reason };
    let uri: Uri = target.uri.parse().map_err(|error: http::uri::InvalidUri| wrong(error.to_string()))?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(wrong("http://HOST:PORT/PATH is expected".to_owned()));
    };
    let mut labels: Labels = target.dimensions.iter().cloned().collect();
    labels.insert("__scheme__".to_owned(), scheme.to_owned());
    // The query stands where the path does: nobody has to take it apart.
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    labels.insert("__metrics_path__".to_owned(), path.to_owned());
    Ok(Group { targets: vec![authority.to_string()], labels, file: String::new() })
}

#[cfg(test)]
mod tests;
