//! Tables: made, made again, by two at once, refused.

use tidegate_cassandra::{CassandraStore, Config, Metrics, OpenError, migrate, migrate_by};
use tidegate_schemas::cql::{MIGRATIONS, Migration};

use super::shared::{clean_up, config, cqlsh};

async fn refusal(config: &Config) -> OpenError {
    match CassandraStore::open(config, Metrics::default()).await {
        Ok(_) => panic!("the store opens"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn tables_are_made_once_and_others_refused() {
    let Some(config) = config("migrations on Cassandra") else { return };
    let missing = refusal(&config).await;
    assert!(matches!(missing, OpenError::NoKeyspace { .. }), "{missing}");
    assert!(missing.to_string().contains("tidegate migrate"), "{missing}");

    let (one, other) = tokio::join!(migrate(&config), migrate(&config));
    let (one, other) = (one.expect("the first"), other.expect("the second"));
    let applied: Vec<String> = one.applied.into_iter().chain(other.applied).collect();
    let all: Vec<&str> = MIGRATIONS.iter().map(|migration| migration.name).collect();
    assert_eq!(applied, all, "each by one of them");
    CassandraStore::open(&config, Metrics::default()).await.expect("the tables are there");
    let again = migrate(&config).await.expect("again");
    assert!(again.applied.is_empty(), "{again:?}");

    let session = cqlsh(&config).await;
    let newer = MIGRATIONS.len() as i32 + 6;
    let insert = "INSERT INTO schema_migrations (number, name, checksum) VALUES (?, 'later', 'x')";
    session.query_unpaged(insert, (newer,)).await.expect("inserted");
    for error in [refusal(&config).await, migrate(&config).await.expect_err("newer tables")] {
        assert!(matches!(error, OpenError::TooNew { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(&newer.to_string()) && text.contains(&MIGRATIONS.len().to_string()), "{text}");
    }
    session.query_unpaged("DELETE FROM schema_migrations WHERE number = ?", (newer,)).await.expect("deleted");

    let change = "UPDATE schema_migrations SET checksum = 'another' WHERE number = 1";
    session.query_unpaged(change, ()).await.expect("changed");
    let error = migrate(&config).await.expect_err("a migration that was changed");
    assert!(matches!(error, OpenError::Changed { number: 1, .. }), "{error}");

    session.query_unpaged("TRUNCATE schema_migrations", ()).await.expect("truncated");
    let error = refusal(&config).await;
    assert!(matches!(error, OpenError::TooOld { found: 0, .. }), "{error}");
    assert!(error.to_string().contains("tidegate migrate"), "{error}");
    let repaired = migrate(&config).await.expect("tables that are there already");
    assert_eq!(repaired.applied, all, "statements can be repeated");
    clean_up(&config).await;
}

/// What a program finds that knows less than the tables have.
#[tokio::test]
async fn newer_tables_are_used_if_they_were_made_for_it() {
    let Some(config) = config("newer tables on Cassandra") else { return };
    let number = MIGRATIONS.len() as i32 + 1;
    let next = |needs, name, text| [MIGRATIONS, &[Migration { number, name, needs, text }]].concat();
    let adds = next(number - 1, "more", "CREATE TABLE IF NOT EXISTS more (a int PRIMARY KEY)");
    migrate(&config).await.expect("migrated");
    let migrated = migrate_by(&config, &adds).await.expect("by a later program");
    assert_eq!((migrated.applied.as_slice(), migrated.version), (["more".to_owned()].as_slice(), number));
    CassandraStore::open(&config, Metrics::default()).await.expect("an older program goes on");
    let again = migrate(&config).await.expect("nothing is to be done by it");
    assert!(again.applied.is_empty() && again.version == number, "{again:?}");

    let session = cqlsh(&config).await;
    let forget = "DELETE FROM schema_needs WHERE number = ?";
    session.query_unpaged(forget, (number,)).await.expect("deleted");
    let error = refusal(&config).await;
    assert!(matches!(error, OpenError::TooNew { needs, .. } if needs == number), "said by nobody: {error}");

    let needed = next(number, "more", "CREATE TABLE IF NOT EXISTS more (a int PRIMARY KEY)");
    migrate_by(&config, &needed).await.expect("by a later program");
    for error in [refusal(&config).await, migrate(&config).await.expect_err("needs more than it knows")] {
        assert!(matches!(error, OpenError::TooNew { needs, .. } if needs == number), "{error}");
    }
    clean_up(&config).await;
}

#[tokio::test]
async fn a_keyspace_with_fewer_copies_is_refused() {
    let Some(one_copy) = config("replication of a keyspace on Cassandra") else { return };
    migrate(&one_copy).await.expect("migrated");
    let three_copies = Config { replication_factor: 3, ..one_copy.clone() };
    for error in [refusal(&three_copies).await, migrate(&three_copies).await.expect_err("one copy")] {
        assert!(matches!(error, OpenError::Replication { found: 1, wanted: 3, .. }), "{error}");
    }
    let session = cqlsh(&one_copy).await;
    let local = "SELECT data_center FROM system.local";
    let answer = session.query_unpaged(local, ()).await.expect("answered").into_rows_result().expect("rows");
    let (datacenter,): (String,) = answer.first_row().expect("a row");
    let alter = format!(
        "ALTER KEYSPACE {} WITH replication = {{'class': 'NetworkTopologyStrategy', '{datacenter}': 1}}",
        one_copy.keyspace
    );
    session.query_unpaged(alter, ()).await.expect("altered");
    let named = Config { datacenter, ..one_copy.clone() };
    for config in [&one_copy, &named] {
        CassandraStore::open(config, Metrics::default()).await.expect("another strategy, as many copies");
    }
    clean_up(&one_copy).await;
}

#[tokio::test]
async fn nodes_that_are_not_there_are_named() {
    let port = tidegate_testkit::ports::free_port().expect("a port");
    let contact_points = vec![format!("127.0.0.1:{port}")];
    let config = Config { contact_points, connect_timeout_ms: 500, ..Config::default() };
    let error = refusal(&config).await;
    assert!(matches!(error, OpenError::Connect { .. }), "{error}");
    assert!(error.to_string().contains(&format!("127.0.0.1:{port}")), "{error}");
}
