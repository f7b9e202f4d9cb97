//! Targets apart, on real Kafka, Cassandra and S3.

use std::time::Duration;

use anyhow::{Context, ensure};
use tidegate_testkit::{Fleet, Series, eventually, now_ms, push};

use crate::support::gives;

/// A take-over replays about 75 s of the log; then the minute has to close.
const LIMIT: Duration = Duration::from_secs(240);

/// Each target in two processes; a rollup is killed in the middle, a gateway too: every sample is counted once.
#[tokio::test(flavor = "multi_thread")]
async fn two_of_each_survive_a_rollup_and_a_gateway() -> anyhow::Result<()> {
    let Some(mut fleet) = Fleet::prepare("targets apart on real servers", &[])? else { return Ok(()) };
    let mut places = Vec::new();
    for target in ["gateway", "gateway", "rollup", "rollup", "compactor", "compactor", "query", "query"] {
        places.push(fleet.add(target).await?);
    }
    let urls = [0, 1].map(|gateway| format!("http://127.0.0.1:{}", fleet.members[places[gateway]].grpc_port));
    let agent = |number: u8| push::Agent::new(&urls[usize::from(number)], [number; 16], &format!("agent-{number}"));
    let mut agents = [agent(0)?, agent(1)?];
    let mut pushed = 0u32;
    for round in 0..40 {
        let agent = &mut agents[round % 2];
        let series: Vec<Series> =
            (0..25).map(|n: u32| Series::new("fleet_load", &[("n", &n.to_string())]).at(now_ms(), 1.0)).collect();
        crate::support::push_until_taken(agent, &series, LIMIT).await?;
        pushed += 25;
        if round == 20 {
            fleet.members[places[2]].kill9();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    fleet.members[places[0]].kill9();
    let series = [Series::new("fleet_load", &[("n", "0")]).at(now_ms(), 1.0)];
    crate::support::push_until_taken(&mut agents[1], &series, LIMIT).await?;
    pushed += 1;
    for query in [6, 7] {
        let api = fleet.members[places[query]].api();
        gives(&api, "sum(count_over_time(fleet_load[10m]))", f64::from(pushed), LIMIT).await?;
    }
    // When its minute is closed it is in the store, and the ledger agrees.
    eventually("the recount finds every sample", LIMIT, Duration::from_secs(5), async || {
        let report: serde_json::Value = serde_json::from_str(&fleet.run("verify", &["--json"])?)?;
        let lines = report["lines"].as_array().context("the report has lines")?;
        let counted: u64 = lines.iter().filter_map(|line| line["counted"].as_u64()).sum();
        ensure!(counted == u64::from(pushed), "{report}");
        Ok(Some(()))
    })
    .await
}

/// What a gateway appends to partitions that no rollup reads would be acknowledged and never counted. It has no store that
/// could tell how many there are, so it goes by its configuration.
#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_refuses_a_topic_of_another_size() -> anyhow::Result<()> {
    let Some(mut fleet) = Fleet::prepare("a topic of another size", &[])? else { return Ok(()) };
    fleet.add("rollup").await?;
    let added = fleet.add_with("gateway", &["eventlog.kafka.partitions=13"]).await;
    let error = added.err().context("a gateway takes a topic of 12 partitions for one of 13")?.to_string();
    ensure!(error.contains("has 12 partitions, 13 are needed"), "{error}");
    Ok(())
}
