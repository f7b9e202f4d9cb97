//! The compactor: ships hours that are over to the archive, rebuilds those
//! that late samples touched, makes days and months of longer windows from
//! them, and deletes what is past its retention.
//!
//! It keeps nothing of its own: what is to do follows from the hours' marks in
//! the store and from what the archive's objects say of themselves, so any
//! number of compactors may run, and one that dies is replaced by the next. When the archive cannot be
//! written, hours wait; nothing else does.

mod due;
mod error;
#[cfg(test)]
mod fixture;
mod gather;
pub mod merge;
mod metrics;
mod retention;
mod service;
mod ship;
mod tiers;
pub mod verify;

use std::collections::BTreeMap;
use std::sync::Arc;

use prometheus_client::registry::Registry;
use serde::{Deserialize, Serialize};
use tidegate_coldstore::Archive;
use tidegate_eventlog::EventLog;
use tidegate_hotstore::HotStore;
use tidegate_model::TenantId;
use tidegate_model::time::day_of;
use tidegate_runtime::{Health, Target, TaskError, Tasks};
use tokio::sync::mpsc;

pub use error::Error;
use retention::Retention;

/// Members of this group share the shards among them.
const GROUP: &str = "compactor";

/// Samples may be six days late, a rebuild needs all of an hour's rows, and
/// days leave whole.
const MIN_HOT_RETENTION_DAYS: u32 = 8;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How long an hour must have rested since its last change before it is
    /// shipped, or shipped again.
    pub settle_seconds: u32,
    /// An hour that never rests is shipped after this long.
    pub settle_limit_seconds: u32,
    /// Time between two looks for hours to ship.
    pub poll_seconds: u32,
    /// How long a day or month must have rested since the last change of what
    /// it is made of before it is built, or built again.
    pub tier_settle_seconds: u32,
    /// Days that the archive keeps windows of 5 s; 0: for ever.
    pub retention_5s_days: u32,
    /// Likewise windows of 1 min.
    pub retention_1m_days: u32,
    /// Likewise windows of 1 h; they leave by whole months.
    pub retention_1h_days: u32,
    /// Other retentions in the archive for some tenants.
    pub tenant_retention: BTreeMap<String, TenantRetention>,
    /// Days that the hot store keeps rows, at least 8.
    pub hot_retention_days: u32,
}

/// What is not given is as for all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TenantRetention {
    pub retention_5s_days: Option<u32>,
    pub retention_1m_days: Option<u32>,
    pub retention_1h_days: Option<u32>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            settle_seconds: 300,
            settle_limit_seconds: 3_600,
            poll_seconds: 10,
            tier_settle_seconds: 900,
            retention_5s_days: 31,
            retention_1m_days: 90,
            retention_1h_days: 365,
            tenant_retention: BTreeMap::new(),
            hot_retention_days: 8,
        }
    }
}

impl Config {
    /// Says what is wrong with the values.
    pub fn check(&self) -> Result<(), Error> {
        if self.hot_retention_days < MIN_HOT_RETENTION_DAYS {
            return Err(Error::HotRetention { days: self.hot_retention_days, least: MIN_HOT_RETENTION_DAYS });
        }
        if self.poll_seconds == 0 {
            return Err(Error::PollZero);
        }
        for tenant in self.tenant_retention.keys() {
            TenantId::new(tenant).map_err(|source| Error::Tenant { tenant: tenant.clone(), source })?;
        }
        let all = Retention::of(self, None).check(self.hot_retention_days, "all tenants");
        let mut of_tenants = self.tenant_retention.iter();
        all.and_then(|()| {
            of_tenants.try_for_each(|(tenant, other)| {
                Retention::of(self, Some(other)).check(self.hot_retention_days, &format!("tenant {tenant}"))
            })
        })
    }

    /// The hour before which retention may have deleted all that some tenant
    /// has in the archive, at this time; for [`verify::verify_since`].
    pub fn gone_before_hour(&self, now_ms: i64) -> u32 {
        let of_tenants = self.tenant_retention.values().map(|other| Retention::of(self, Some(other)));
        let all = of_tenants.chain([Retention::of(self, None)]);
        all.map(|retention| retention.gone_before_hour(day_of(now_ms))).max().unwrap_or(0)
    }

    /// How long the archive keeps a tenant's windows, by the keys of this
    /// configuration; 0: for ever.
    pub fn retention_days(&self, tenant: &TenantId) -> [(&'static str, u64); 3] {
        self.retention(tenant).named()
    }

    pub(crate) fn retention(&self, tenant: &TenantId) -> Retention {
        Retention::of(self, self.tenant_retention.get(tenant.as_str()))
    }
}

/// Starts the compactor. It serves no routes of its own.
pub async fn build(
    config: Config,
    log: Arc<dyn EventLog>,
    store: Arc<dyn HotStore>,
    archive: Arc<Archive>,
    registry: &mut Registry,
    health: &Health,
    failures: mpsc::Sender<TaskError>,
) -> Result<Target, Error> {
    config.check()?;
    let metrics = metrics::Metrics::register(registry);
    let service = service::Service::new(config, log, store, archive, metrics, health.part("compactor"));
    let mut tasks = Tasks::new(failures);
    tasks.spawn("compactor", |stop| service.run(stop));
    Ok(Target { name: "compactor", http: axum::Router::new(), tasks })
}
