//! Scraping: reads pages of metrics as Prometheus does and pushes what is on
//! them as it stands, counters and all, through the agent's outbox. What a
//! query sees is what it would see from a Prometheus: `up` and its like, labels
//! after relabelling, and stale markers where series end.
//!
//! - `config` is the section `agent.scrape`, `discovery` finds targets,
//! - `target` and `relabel` make of a group of them what is scraped,
//! - `fetch` gets pages, `page` reads them, `series` remembers what was on the
//!   last one, `batch` writes pushes,
//! - `service` runs it all and hands it to a `destination`; `own` reads this
//!   process's own metrics instead.

mod batch;
mod config;
mod destination;
mod discovery;
mod fetch;
mod labels;
mod own;
mod page;
mod relabel;
mod series;
mod service;
mod target;

pub use config::{Config, ConfigError, Honor, Job, Scheme};
pub use labels::Labels;
pub use own::{OwnMetrics, OwnRegistry};

pub(crate) use batch::{Describe, ScrapeBatches};
pub(crate) use config::Checked;
pub(crate) use destination::{Destination, ToGateway};
pub(crate) use discovery::Group;
pub(crate) use own::start as start_own;
pub(crate) use series::{Point, Scraped};
pub(crate) use service::{Metrics, check_job, start, start_jobs};
