//! A session with the cluster.

use std::sync::Arc;
use std::time::Duration;

use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::policies::load_balancing::DefaultPolicy;
use scylla::policies::speculative_execution::SimpleSpeculativeExecutionPolicy;
use scylla::statement::{Consistency as Level, SerialConsistency};

use crate::config::{Config, Consistency};
use crate::error::{OpenError, refusal};
use crate::login::Login;
use crate::tls;

/// A session without a keyspace.
pub(crate) async fn connect(config: &Config) -> Result<Session, OpenError> {
    config.check()?;
    let mut balancing = DefaultPolicy::builder().token_aware(true);
    if !config.datacenter.is_empty() {
        balancing = balancing.prefer_datacenter(config.datacenter.clone()).permit_dc_failover(false);
    }
    let profile = ExecutionProfile::builder()
        .consistency(config.consistency.into())
        .serial_consistency(Some(SerialConsistency::LocalSerial))
        .request_timeout(Some(Duration::from_millis(config.request_timeout_ms)))
        .load_balancing_policy(balancing.build());
    let profile = match config.speculative_after_ms {
        0 => profile,
        after_ms => {
            let retry_interval = Duration::from_millis(after_ms);
            let policy = SimpleSpeculativeExecutionPolicy { max_retry_count: 1, retry_interval };
            profile.speculative_execution_policy(Some(Arc::new(policy)))
        }
    };
    let mut builder = SessionBuilder::new()
        .known_nodes(&config.contact_points)
        .connection_timeout(Duration::from_millis(config.connect_timeout_ms))
        .default_execution_profile_handle(profile.build().into_handle())
        .tcp_nodelay(true)
        .tls_context(tls::context(config)?);
    if !config.user.is_empty() {
        let login = Login::new(config)?;
        if !config.tls.enabled {
            tracing::warn!("store.cassandra: the password is sent in clear; tls.enabled: true keeps it secret");
        }
        builder = builder.authenticator_provider(Arc::new(login));
    }
    builder.build().await.map_err(|source| refusal(config, source))
}

pub(crate) async fn use_keyspace(session: &Session, keyspace: &str) -> Result<(), OpenError> {
    let used = session.use_keyspace(keyspace, false).await;
    used.map_err(|source| OpenError::Keyspace { keyspace: keyspace.to_owned(), source: Box::new(source) })
}

impl From<Consistency> for Level {
    fn from(consistency: Consistency) -> Self {
        match consistency {
            Consistency::One => Level::One,
            Consistency::LocalOne => Level::LocalOne,
            Consistency::Quorum => Level::Quorum,
            Consistency::LocalQuorum => Level::LocalQuorum,
            Consistency::All => Level::All,
        }
    }
}
