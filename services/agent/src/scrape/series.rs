//! What one scrape of a target gives: its samples, the series about the scrape
//! itself, and an end for series that are no longer there.

use std::collections::BTreeSet;

use super::config::{Checked, Honor};
use super::labels::Labels;
use super::page::{Family, Page};
use super::target::Target;

/// What tells a query that a series has ended (Prometheus' own bits).
pub const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    pub labels: Labels,
    pub value: f64,
    pub timestamp_ms: i64,
}

/// All that is pushed of a scrape.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scraped {
    pub points: Vec<Point>,
    pub families: Vec<Family>,
}

/// Remembers what a target had the last time.
#[derive(Debug, Default)]
pub struct Memory {
    /// Without those whose page told a time: they do not end.
    series: BTreeSet<Labels>,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{samples} samples are more than the limit of {limit}")]
pub struct TooMany {
    samples: u64,
    limit: u64,
}

impl Memory {
    /// A page that was read at `now_ms` and took `duration_seconds`.
    ///
    /// # Errors
    /// When there are more samples than the job allows: the scrape has failed.
    pub fn read(
        &mut self,
        job: &Checked,
        target: &Target,
        page: Page,
        now_ms: i64,
        duration_seconds: f64,
    ) -> Result<Scraped, TooMany> {
        let found = page.samples.len();
        let (mut points, mut series) = (Vec::with_capacity(found + 5), BTreeSet::new());
        for sample in page.samples {
            let Some(labels) = target.sample_labels(job, sample.labels) else { continue };
            let told = sample.timestamp_ms.filter(|_| job.job.honor_timestamps == Honor::Page);
            if told.is_none() {
                // Of a series that comes twice the first sample stands.
                if !series.insert(labels.clone()) {
                    continue;
                }
            }
            points.push(Point { labels, value: sample.value, timestamp_ms: told.unwrap_or(now_ms) });
        }
        let (kept, limit) = (points.len() as u64, job.job.sample_limit);
        if limit > 0 && kept > limit {
            return Err(TooMany { samples: kept, limit });
        }
        let added = series.difference(&self.series).count();
        let before = std::mem::replace(&mut self.series, series);
        points.extend(before.difference(&self.series).map(|labels| end(labels, now_ms)));
        let about = [
            ("up", 1.0),
            ("scrape_duration_seconds", duration_seconds),
            ("scrape_samples_scraped", found as f64),
            ("scrape_samples_post_metric_relabeling", kept as f64),
            ("scrape_series_added", added as f64),
        ];
        points.extend(about.map(|(name, value)| own(target, name, value, now_ms)));
        Ok(Scraped { points, families: page.families })
    }

    /// No page could be read.
    pub fn failed(&mut self, target: &Target, now_ms: i64, duration_seconds: f64) -> Scraped {
        let mut points = self.ended(now_ms);
        let about = [
            ("up", 0.0),
            ("scrape_duration_seconds", duration_seconds),
            ("scrape_samples_scraped", 0.0),
            ("scrape_samples_post_metric_relabeling", 0.0),
            ("scrape_series_added", 0.0),
        ];
        points.extend(about.map(|(name, value)| own(target, name, value, now_ms)));
        Scraped { points, families: Vec::new() }
    }

    /// The target is scraped no more.
    pub fn gone(&mut self, target: &Target, now_ms: i64) -> Scraped {
        let mut points = self.ended(now_ms);
        let about = [
            "up",
            "scrape_duration_seconds",
            "scrape_samples_scraped",
            "scrape_samples_post_metric_relabeling",
            "scrape_series_added",
        ];
        points.extend(about.map(|name| own(target, name, STALE, now_ms)));
        Scraped { points, families: Vec::new() }
    }

    fn ended(&mut self, now_ms: i64) -> Vec<Point> {
        std::mem::take(&mut self.series).iter().map(|labels| end(labels, now_ms)).collect()
    }
}

fn end(labels: &Labels, now_ms: i64) -> Point {
    Point { labels: labels.clone(), value: STALE, timestamp_ms: now_ms }
}

fn own(target: &Target, name: &str, value: f64, timestamp_ms: i64) -> Point {
    let mut labels = target.labels.clone();
    labels.insert("__name__".to_owned(), name.to_owned());
    Point { labels, value, timestamp_ms }
}

#[cfg(test)]
mod tests;
