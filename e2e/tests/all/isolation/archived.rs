//! The same once the hours that they pushed are in the archive, and the answers come from there.

use tidegate_coldstore::{Archive, Period};

use super::*;

const HOUR_MS: i64 = 3_600_000;
/// From when on an hour comes from the archive.
const HOT_HOURS: i64 = 1;
/// The fragments' close (70 s), their flush, sealing and shipping, and room for a busy machine.
const SHIPPED_LIMIT: Duration = Duration::from_secs(300);

impl Site {
    /// That all that the tenant pushed comes from the archive, and from nowhere else.
    async fn comes_from_the_archive(&self, tenant: usize) -> anyhow::Result<()> {
        self.has_its_own(tenant).await?;
        let path = self.path(tenant, Route::Query, Selector::Pattern("count_over_time({__name__!=\"\"}[1h])"));
        let answer = self.guarded.ask(Method::GET, &path, Some(&self.read[tenant])).await?;
        let answer: Value = serde_json::from_str(&answer.text().await?)?;
        let windows = |place: &str| answer["explain"][place]["windows"].as_u64();
        let read = [windows("archive"), windows("store"), windows("tail")];
        ensure!(read[0] > Some(0) && read[1..] == [Some(0); 2], "{read:?}");
        Ok(())
    }

    /// That no object in a tenant's folder has a series of the other, and that both have some.
    async fn folders_are_apart(&self) -> anyhow::Result<()> {
        let archive = Archive::local(&self.guarded.server.data_dir().join("archive"))?;
        let (mut own, mut twins) = ([0; 2], [0; 2]);
        for key in archive.objects().await? {
            let tenant = TENANTS.iter().position(|name| *name == key.tenant.as_str());
            let tenant = tenant.with_context(|| format!("whose is {key:?}?"))?;
            for labels in archive.labels(&key, None).await?.context("it was listed")? {
                let text = format!("{labels:?}");
                ensure!(!text.contains(MARKS[1 - tenant]), "{key:?} has {text}");
                own[tenant] += usize::from(text.contains(MARKS[tenant]));
                let is_hour = matches!(key.period, Period::Hour(_));
                twins[tenant] += usize::from(is_hour && labels.metric_name() == "twin");
            }
        }
        ensure!(own.iter().all(|count| *count > 0), "series of one's own: {own:?}");
        let pushed = self.pushed.lock().map_err(|_| anyhow::anyhow!("poisoned"))?;
        let expected = [0, 1].map(|tenant: usize| pushed.twins[tenant].len() * TWINS);
        ensure!(twins == expected, "twins: {twins:?}, not {expected:?}");
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_neither_see_nor_change_what_is_archived_of_another() -> anyhow::Result<()> {
    let hot_hours = HOT_HOURS.to_string();
    let settings = [
        ("compactor.settle_seconds", "1"),
        ("compactor.poll_seconds", "1"),
        ("query.hot_retention_hours", &hot_hours),
        ("compactor.tenant_retention.yaaa.retention_5s_days", "20"),
    ];
    // Ten minutes into an hour that is cold by then, and stays so.
    let now_ms = now_ms();
    let hour_ms = (now_ms.div_euclid(HOUR_MS) - HOT_HOURS - 2) * HOUR_MS;
    let site = Site::start(now_ms - hour_ms - HOUR_MS / 6, &settings).await?;
    site.begin().await?;
    site.run(Phase::PushingAndAsking, CASES / 2)?;
    for (tenant, by) in [(0, By::Json), (1, By::OtlpHttp), (0, By::Native), (1, By::RemoteWrite2)] {
        site.step(Step { tenant, does: Do::Push(by, What::Own) }).await?;
        site.step(Step { tenant, does: Do::Push(by, What::Twin(1)) }).await?;
    }
    let asked_ms = site.now_ms() + 1_000;
    site.asked_ms.set(asked_ms).map_err(|_| anyhow::anyhow!("set twice"))?;
    for tenant in 0..2 {
        eventually("it comes from the archive", SHIPPED_LIMIT, Duration::from_secs(1), async || {
            site.comes_from_the_archive(tenant).await.map(Some)
        })
        .await?;
    }
    site.run(Phase::Asking, CASES)?;
    site.every_answer_shows_its_own().await?;
    site.folders_are_apart().await?;
    site.guarded.told_no_secret()
}
