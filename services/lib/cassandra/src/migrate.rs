//! Brings the tables to the version of this program.
//!
//! All statements of all who migrate go to the same node, which does one after
//! the other: Cassandra can give a table two identities when two nodes make it
//! at the same moment.
//!
//! `schema_migrations` says what was applied; `schema_needs` says, for programs
//! that do not know a migration, whether they may go on with its tables.

mod replication;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use scylla::client::session::Session;
use scylla::deserialize::value::DeserializeValue;
use scylla::errors::ExecutionError;
use scylla::policies::load_balancing::{LoadBalancingPolicy, NodeIdentifier, SingleTargetLoadBalancingPolicy};
use scylla::response::query_result::QueryRowsResult;
use scylla::serialize::row::SerializeRow;
use scylla::statement::Statement;
use scylla::value::Row;
use std::sync::Arc;
use tidegate_schemas::cql::{MIGRATIONS, Migration};
use tokio::time::Instant;
use xxhash_rust::xxh3::xxh3_128;

use crate::config::Config;
use crate::connect::{connect, use_keyspace};
use crate::error::OpenError;

use replication::{copies, create_keyspace};

/// How long another migration is waited for, and how long one that died is in the way.
const BUSY_SECONDS: u64 = 180;
const LOCK_SECONDS: u32 = 120;

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// Names of the migrations that were applied; none when the tables were of this version.
    pub applied: Vec<String>,
    pub version: i32,
}

/// Makes the keyspace if it is missing and applies the migrations that it lacks. One at a time does, the others wait.
/// Newer tables that this program may use stay as they are.
///
/// # Errors
/// [`OpenError::TooNew`] and [`OpenError::Changed`] before a migration is applied; whatever the cluster answers.
pub async fn migrate(config: &Config) -> Result<Migrated, OpenError> {
    migrate_by(config, MIGRATIONS).await
}

/// As a program does that knows these migrations.
///
/// # Errors
/// As [`migrate`].
#[doc(hidden)]
pub async fn migrate_by(config: &Config, known: &[Migration]) -> Result<Migrated, OpenError> {
    let session = connect(config).await?;
    let node = node(&session)?;
    let cluster = Cluster { session: &session, node: Some(node) };
    cluster.ask("making the keyspace", &create_keyspace(config), ()).await?;
    check_replication(&cluster, config).await?;
    use_keyspace(&session, &config.keyspace).await?;
    for table in [
        "CREATE TABLE IF NOT EXISTS schema_lock (name text PRIMARY KEY, holder text)",
        "CREATE TABLE IF NOT EXISTS schema_migrations (number int PRIMARY KEY, name text, checksum text, applied timestamp)",
        "CREATE TABLE IF NOT EXISTS schema_needs (number int PRIMARY KEY, needs int)",
    ] {
        cluster.ask("making the table of migrations", table, ()).await?;
    }
    let holder = format!("{:016x}", rand::random::<u64>());
    lock(&cluster, &holder).await?;
    let migrated = apply(&cluster, &config.keyspace, known).await;
    // Only its own: it may have lapsed, and be another's by now.
    let unlock = "DELETE FROM schema_lock WHERE name = 'migrate' IF holder = ?";
    let unlocked = cluster.ask("letting go of the lock", unlock, (&holder,)).await;
    let migrated = migrated?;
    unlocked?;
    Ok(migrated)
}

/// Refuses a keyspace that is missing or has too few copies, and tables of another version than this program's.
pub(crate) async fn check(session: &Session, config: &Config) -> Result<(), OpenError> {
    let cluster = Cluster { session, node: None };
    check_replication(&cluster, config).await?;
    let keyspace = &config.keyspace;
    let (found, known) = (last(&applied(&cluster, keyspace).await?), version(MIGRATIONS));
    if found < known {
        return Err(OpenError::TooOld { keyspace: keyspace.clone(), found, known });
    }
    check_newer(&cluster, keyspace, found, known).await
}

/// Refuses tables that were made by a later program, unless all that made them newer says that this one may use them.
async fn check_newer(cluster: &Cluster<'_>, keyspace: &str, found: i32, known: i32) -> Result<(), OpenError> {
    if found <= known {
        return Ok(());
    }
    let needs = needed(&needs(cluster, keyspace).await?, found, known);
    if needs > known {
        return Err(OpenError::TooNew { keyspace: keyspace.to_owned(), found, needs, known });
    }
    tracing::info!(keyspace, found, known, "the tables are newer than this program, and made so that it can use them");
    Ok(())
}

/// The version of the tables that a program must know of which `known` is all it knows. A migration that says nothing needs
/// itself.
fn needed(needs: &BTreeMap<i32, i32>, found: i32, known: i32) -> i32 {
    (known + 1..=found).map(|number| needs.get(&number).copied().unwrap_or(number)).max().unwrap_or(known)
}

struct Cluster<'a> {
    session: &'a Session,
    /// All statements go to it; `None`: to any node.
    node: Option<Arc<dyn LoadBalancingPolicy>>,
}

impl Cluster<'_> {
    /// The rows of the answer, if it has rows.
    async fn ask(
        &self,
        doing: &'static str,
        text: &str,
        values: impl SerializeRow,
    ) -> Result<Option<QueryRowsResult>, OpenError> {
        let answer = self.session.query_unpaged(self.statement(text), values).await;
        Ok(answer.map_err(|source| request(doing, source))?.into_rows_result().ok())
    }

    fn statement(&self, text: &str) -> Statement {
        let mut statement = Statement::new(text);
        statement.set_is_idempotent(true);
        statement.set_load_balancing_policy(self.node.clone());
        statement
    }
}

/// The same for all who see the same nodes.
fn node(session: &Session) -> Result<Arc<dyn LoadBalancingPolicy>, OpenError> {
    let state = session.get_cluster_state();
    let connected = state.get_nodes_info().iter().filter(|node| node.is_connected());
    let first = connected.min_by_key(|node| node.host_id).ok_or(OpenError::NoNode)?;
    Ok(SingleTargetLoadBalancingPolicy::new(NodeIdentifier::HostId(first.host_id), None))
}

async fn check_replication(cluster: &Cluster<'_>, config: &Config) -> Result<(), OpenError> {
    let keyspace = &config.keyspace;
    let text = "SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = ?";
    let rows = cluster.ask("reading the keyspace", text, (keyspace,)).await?;
    let found: Option<(HashMap<String, String>,)> =
        rows.as_ref().and_then(|rows| rows.maybe_first_row().ok().flatten());
    let Some((replication,)) = found else { return Err(OpenError::NoKeyspace { keyspace: keyspace.clone() }) };
    let (found, wanted) = (copies(&replication, &config.datacenter), config.replication_factor);
    if found < wanted {
        let sorted: BTreeMap<&String, &String> = replication.iter().collect();
        let replication = format!("{sorted:?}");
        return Err(OpenError::Replication { keyspace: keyspace.clone(), found, wanted, replication });
    }
    Ok(())
}

async fn lock(cluster: &Cluster<'_>, holder: &str) -> Result<(), OpenError> {
    let text =
        format!("INSERT INTO schema_lock (name, holder) VALUES ('migrate', ?) IF NOT EXISTS USING TTL {LOCK_SECONDS}");
    let limit = Instant::now() + Duration::from_secs(BUSY_SECONDS);
    loop {
        let answer = cluster.ask("taking the lock", &text, (holder,)).await?;
        // Whether it was written, then, if it was not, what is there: ours, when an answer was lost.
        let row = answer.and_then(|rows| rows.first_row::<Row>().ok());
        let columns: Vec<_> = row.map(|row| row.columns).unwrap_or_default().into_iter().flatten().collect();
        let written = columns.first().and_then(|value| value.as_boolean()) == Some(true);
        if written || columns.iter().any(|value| value.as_text().is_some_and(|text| text == holder)) {
            return Ok(());
        }
        if Instant::now() >= limit {
            return Err(OpenError::Busy { limit_seconds: BUSY_SECONDS });
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn apply(cluster: &Cluster<'_>, keyspace: &str, known: &[Migration]) -> Result<Migrated, OpenError> {
    let done = applied(cluster, keyspace).await?;
    check_newer(cluster, keyspace, last(&done), version(known)).await?;
    let changed = |migration: &&Migration| done.get(&migration.number).is_some_and(|sum| *sum != checksum(migration));
    if let Some(Migration { number, name, .. }) = known.iter().find(changed) {
        return Err(OpenError::Changed { number: *number, name: (*name).to_owned() });
    }
    let mut applied = Vec::new();
    for migration in known {
        // Also of one that a program applied which did not say it yet, and before it is seen to be applied.
        let text = "INSERT INTO schema_needs (number, needs) VALUES (?, ?)";
        cluster.ask("noting what a migration needs", text, (migration.number, migration.needs)).await?;
        if !done.contains_key(&migration.number) {
            run(cluster, migration).await?;
            applied.push(migration.name.to_owned());
        }
    }
    Ok(Migrated { applied, version: last(&done).max(version(known)) })
}

/// The client library waits after each statement until all nodes agree on the tables.
async fn run(cluster: &Cluster<'_>, migration: &Migration) -> Result<(), OpenError> {
    let Migration { number, name, .. } = *migration;
    let failed = |source| OpenError::Migration { number, name, source: Box::new(source) };
    for text in migration.statements() {
        cluster.session.query_unpaged(cluster.statement(&text), ()).await.map_err(failed)?;
    }
    let text = "INSERT INTO schema_migrations (number, name, checksum, applied) VALUES (?, ?, ?, toTimestamp(now()))";
    let values = (number, name, checksum(migration));
    cluster.session.query_unpaged(cluster.statement(text), values).await.map_err(failed)?;
    Ok(())
}

/// Number → checksum.
async fn applied(cluster: &Cluster<'_>, keyspace: &str) -> Result<BTreeMap<i32, String>, OpenError> {
    numbered(cluster, keyspace, "schema_migrations", "checksum").await
}

/// Number → version that a program must know.
async fn needs(cluster: &Cluster<'_>, keyspace: &str) -> Result<BTreeMap<i32, i32>, OpenError> {
    numbered(cluster, keyspace, "schema_needs", "needs").await
}

/// What a table says of each migration; nothing if it is not there.
async fn numbered<T>(
    cluster: &Cluster<'_>,
    keyspace: &str,
    table: &str,
    column: &str,
) -> Result<BTreeMap<i32, T>, OpenError>
where
    T: for<'frame, 'metadata> DeserializeValue<'frame, 'metadata>,
{
    let doing = "reading the table of migrations";
    let text = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ? AND table_name = ?";
    let found = cluster.ask(doing, text, (keyspace, table)).await?;
    if found.is_none_or(|rows| rows.rows_num() == 0) {
        return Ok(BTreeMap::new());
    }
    let answer = cluster.ask(doing, &format!("SELECT number, {column} FROM {keyspace}.{table}"), ()).await?;
    let unreadable = || OpenError::Unreadable { keyspace: keyspace.to_owned() };
    let answer = answer.ok_or_else(unreadable)?;
    let rows = answer.rows::<(i32, T)>().map_err(|_| unreadable())?;
    rows.collect::<Result<_, _>>().map_err(|_| unreadable())
}

fn last(applied: &BTreeMap<i32, String>) -> i32 {
    applied.keys().next_back().copied().unwrap_or(0)
}

fn version(known: &[Migration]) -> i32 {
    known.last().map_or(0, |migration| migration.number)
}

/// Comments do not count.
fn checksum(migration: &Migration) -> String {
    format!("{:032x}", xxh3_128(migration.statements().join(";").as_bytes()))
}

fn request(doing: &'static str, source: ExecutionError) -> OpenError {
    OpenError::Request { doing, source: Box::new(source) }
}

#[cfg(test)]
mod tests;
