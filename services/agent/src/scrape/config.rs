//! Section `agent.scrape` of the configuration.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tidegate_mad::config::RelabelRule;
use tidegate_runtime::tls::TlsClientConfig;

use super::discovery::Group;
use super::labels::{Labels, is_label_name};
use super::relabel::{Rule, RuleError};
use crate::http_client::ClientTlsError;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Between two scrapes of a target.
    pub interval_seconds: u64,
    /// For a whole page; no more than the interval.
    pub timeout_seconds: u64,
    /// Larger pages fail; after decompression.
    pub max_page_bytes: usize,
    /// Between two looks at files of targets.
    pub discovery_interval_seconds: u64,
    pub jobs: Vec<Job>,
}

/// Targets that are alike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Job {
    /// The label `job`.
    pub name: String,
    /// `HOST:PORT`.
    pub targets: Vec<String>,
    /// JSON or YAML as Prometheus' file discovery has it: a list of
    /// `{targets: [...], labels: {...}}`. Their names may have `*` in the last
    /// part.
    pub target_files: Vec<PathBuf>,
    pub scheme: Scheme,
    /// For targets that are scraped by https.
    pub tls: TlsClientConfig,
    pub metrics_path: String,
    /// Labels of the `targets` above.
    pub labels: Labels,
    /// 0: that of the section.
    pub interval_seconds: u64,
    /// 0: that of the section.
    pub timeout_seconds: u64,
    pub honor_labels: Honor,
    pub honor_timestamps: Honor,
    /// Pages with more samples fail; 0: any number.
    pub sample_limit: u64,
    /// Of targets, before they are scraped.
    pub relabel: Vec<RelabelRule>,
    /// Of samples.
    pub metric_relabel: Vec<RelabelRule>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    Http,
    Https,
}

/// Whose word counts where page and target differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Honor {
    Page,
    Target,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            interval_seconds: 15,
            timeout_seconds: 10,
            max_page_bytes: 64 << 20,
            discovery_interval_seconds: 5,
            jobs: Vec::new(),
        }
    }
}

impl Default for Job {
    fn default() -> Self {
        Self {
            name: String::new(),
            targets: Vec::new(),
            target_files: Vec::new(),
            scheme: Scheme::Http,
            tls: TlsClientConfig::default(),
            metrics_path: "/metrics".into(),
            labels: Labels::new(),
            interval_seconds: 0,
            timeout_seconds: 0,
            honor_labels: Honor::Target,
            honor_timestamps: Honor::Page,
            sample_limit: 0,
            relabel: Vec::new(),
            metric_relabel: Vec::new(),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("agent.scrape.jobs: a job without a name")]
    NoName,
    #[error("agent.scrape.jobs: two jobs are named {0:?}")]
    NameTwice(String),
    #[error("agent.scrape.jobs: {job}: interval_seconds must be at least 1, timeout_seconds between 1 and that")]
    Times { job: String },
    #[error("agent.scrape.jobs: {job}: {0:?} is no name of a label", .label)]
    LabelName { job: String, label: String },
    #[error("agent.scrape.jobs: {job}: metrics_path must begin with /")]
    Path { job: String },
    #[error("agent.scrape.jobs: {job}: {source}")]
    Rule { job: String, source: RuleError },
    #[error("agent.scrape.jobs: {job}: {source}")]
    Tls { job: String, source: ClientTlsError },
}

/// A job with nothing left to find out.
#[derive(Clone, Debug)]
pub struct Checked {
    pub job: Job,
    /// Those that are not in files.
    pub groups: Vec<Group>,
    pub relabel: Vec<Rule>,
    pub metric_relabel: Vec<Rule>,
    pub max_page_bytes: usize,
}

impl Config {
    /// # Errors
    /// What makes no sense, by the job's name.
    pub fn check(&self) -> Result<Vec<Checked>, ConfigError> {
        let mut names = std::collections::BTreeSet::new();
        self.jobs
            .iter()
            .map(|job| {
                let checked = self.check_job(job.clone())?;
                match names.insert(job.name.clone()) {
                    true => Ok(checked),
                    false => Err(ConfigError::NameTwice(job.name.clone())),
                }
            })
            .collect()
    }

    /// # Errors
    /// What makes no sense.
    pub fn check_job(&self, mut job: Job) -> Result<Checked, ConfigError> {
        let name = job.name.clone();
        if name.is_empty() {
            return Err(ConfigError::NoName);
        }
        let or_own = |own: u64, general: u64| if own == 0 { general } else { own };
        job.interval_seconds = or_own(job.interval_seconds, self.interval_seconds);
        job.timeout_seconds = or_own(job.timeout_seconds, self.timeout_seconds.min(job.interval_seconds));
        if job.timeout_seconds == 0 || job.timeout_seconds > job.interval_seconds {
            return Err(ConfigError::Times { job: name });
        }
        if let Some(label) = job.labels.keys().find(|label| !is_label_name(label)) {
            return Err(ConfigError::LabelName { job: name, label: label.clone() });
        }
        if !job.metrics_path.starts_with('/') {
            return Err(ConfigError::Path { job: name });
        }
        let rules = |rules: &[RelabelRule]| {
            let rules = rules.iter().map(Rule::new).collect::<Result<_, _>>();
            rules.map_err(|source| ConfigError::Rule { job: name.clone(), source })
        };
        let (relabel, metric_relabel) = (rules(&job.relabel)?, rules(&job.metric_relabel)?);
        let group = Group { targets: job.targets.clone(), labels: job.labels.clone(), file: String::new() };
        Ok(Checked { job, groups: vec![group], relabel, metric_relabel, max_page_bytes: self.max_page_bytes })
    }
}

impl Scheme {
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

#[cfg(test)]
mod tests;
