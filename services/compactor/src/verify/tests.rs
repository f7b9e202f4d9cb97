use std::sync::Arc;

use tidegate_coldstore::{ObjectKey, Period, Tier};
use tidegate_hotstore::memory::MemoryStore;
use tidegate_model::{TenantId, Touch};

use super::*;
use crate::due::DueHour;
use crate::fixture::{EPOCH, HOUR, Pipe, SOURCE, Sample};
use crate::ship::ship_hour;

const AFTER_MS: i64 = 3_600_000 + 11_000;
const SAMPLES: [Sample; 3] = [("a", "up", 500, 1.0), ("b", "up", 600, 2.0), ("a", "up", 61_000, 4.0)];

async fn report(pipe: &Pipe, archive: &Archive) -> Report {
    verify(&*pipe.store, archive, 1, VerifyRange::All).await.unwrap()
}

async fn ship(pipe: &Pipe, archive: &Archive) {
    let touched = BTreeMap::from([(SOURCE, pipe.touched(HOUR))]);
    let due = DueHour { shard: 0, hour: HOUR, touched, rebuild: false };
    ship_hour(&*pipe.store, archive, 1, &due).await.unwrap();
}

/// An hour that is over, saved and not shipped.
async fn an_hour() -> (Pipe, Archive) {
    let mut pipe = Pipe::new();
    pipe.push(1_000, &SAMPLES).await;
    pipe.tick(AFTER_MS);
    pipe.save().await;
    (pipe, Archive::in_memory())
}

fn verdicts(report: &Report) -> Vec<Verdict> {
    report.lines.iter().map(|line| line.verdict).collect()
}

#[tokio::test]
async fn the_table_shows_what_is_where() {
    let (mut pipe, archive) = an_hour().await;
    let before = report(&pipe, &archive).await;
    assert_eq!((verdicts(&before), before.holds()), (vec![Verdict::NotShipped], true));
    ship(&pipe, &archive).await;
    // The same batch again, and a sample of the next hour that is open still.
    pipe.push_batch(1, AFTER_MS + 100_000, &SAMPLES).await;
    pipe.push(AFTER_MS + 100_000, &[("a", "up", AFTER_MS + 99_000, 1.0)]).await;
    pipe.tick(AFTER_MS + 200_000);
    pipe.save().await;
    let report = report(&pipe, &archive).await;
    assert!(report.holds(), "{report}");
    let expected = "\
hour (UTC)      source  era  received  counted  open  store  archive  duplicate  poison  gap  verdict
2026-11-20 07h  abc/0     0         6        3     0      3        3          3       0    0  holds
2026-11-20 08h  abc/0     0         1        1     0      1        -          0       0    0  holds, not shipped yet
Invariant I holds: 4 samples in 2 lines, 2 archive objects recounted.
";
    assert_eq!(report.to_string(), expected);
}

#[tokio::test]
async fn a_ledger_without_a_line_is_no_proof() {
    let report = report(&Pipe::new(), &Archive::in_memory()).await;
    assert!(
        report
            .to_string()
            .ends_with("Nothing is counted yet: what was pushed counts some seconds after its minute ended.\n"),
        "{report}"
    );
}

#[tokio::test]
async fn rows_that_closed_after_the_saved_progress_are_open() {
    let mut pipe = Pipe::new();
    pipe.push(1_000, &SAMPLES[..2]).await;
    pipe.tick(75_000);
    pipe.save().await;
    pipe.push(80_000, &[("a", "up", 79_000, 1.0)]).await;
    pipe.tick(140_000);
    // As a kill between the rows and the progress leaves it.
    pipe.flush().await;
    let report = report(&pipe, &Archive::in_memory()).await;
    let line = &report.lines[0];
    assert_eq!((line.received, line.counted, line.open, line.store), (3, 2, 1, Some(2)));
    assert!(report.holds());
}

/// A store without one of the rows, however it went.
async fn without_row(pipe: &Pipe, lost: usize) -> MemoryStore {
    let other = MemoryStore::new();
    let mut rows = pipe.store.rows();
    rows.remove(lost);
    other.write_rows(rows).await.unwrap();
    copy_rest(pipe, &other).await;
    other
}

async fn copy_rest(pipe: &Pipe, other: &MemoryStore) {
    for day in pipe.store.series_days().await.unwrap() {
        other.write_series(pipe.store.read_series(0, day).await.unwrap()).await.unwrap();
    }
    for progress in pipe.store.all_progress().await.unwrap() {
        other.save_progress(progress).await.unwrap();
    }
    for row in pipe.store.read_hours().await.unwrap() {
        other.touch_hours(row.source, vec![Touch::on_time(row.hour, row.state.touched)]).await.unwrap();
        if let Some(shipped) = row.state.shipped {
            other.ship_hour(row.source, row.hour, shipped).await.unwrap();
        }
    }
}

#[tokio::test]
async fn every_lost_row_is_found() {
    let (pipe, archive) = an_hour().await;
    for lost in 0..3 {
        let store = without_row(&pipe, lost).await;
        let report = verify(&store, &archive, 1, VerifyRange::All).await.unwrap();
        assert_eq!(verdicts(&report), [Verdict::LostInStore]);
        assert!(!report.holds() && report.to_string().contains("LOST IN STORE"));
    }
}

#[tokio::test]
async fn a_row_too_many_is_found() {
    let (pipe, archive) = an_hour().await;
    let mut row = pipe.store.rows()[0].clone();
    row.key.fragment = 1;
    pipe.store.write_rows(vec![row]).await.unwrap();
    assert_eq!(verdicts(&report(&pipe, &archive).await), [Verdict::SurplusInStore]);
}

#[tokio::test]
async fn rows_that_miscount_or_cannot_be_read_are_found() {
    let (pipe, archive) = an_hour().await;
    let row = pipe.store.rows()[0].clone();
    // One more by its own count, so that it replaces the row; the chunk is the same, or no chunk at all.
    for chunk in [row.chunk.clone(), bytes::Bytes::from_static(b"\xff\xff\xff")] {
        let store = without_row(&pipe, 0).await;
        store.write_rows(vec![Row { chunk, samples: row.samples + 1, ..row.clone() }]).await.unwrap();
        let report = verify(&store, &archive, 1, VerifyRange::All).await.unwrap();
        assert_eq!(verdicts(&report), [Verdict::Miscounted]);
    }
}

#[tokio::test]
async fn an_object_that_is_gone_or_from_elsewhere_is_found() {
    let (pipe, archive) = an_hour().await;
    ship(&pipe, &archive).await;
    assert_eq!(verdicts(&report(&pipe, &archive).await), [Verdict::Holds]);
    let none = Archive::in_memory();
    assert_eq!(verdicts(&report(&pipe, &none).await), [Verdict::LostInArchive]);
    let store = without_row(&pipe, 0).await;
    let report = verify(&store, &archive, 1, VerifyRange::All).await.unwrap();
    assert!(!report.holds());
}

#[tokio::test]
async fn late_samples_wait_for_the_rebuild() {
    let (mut pipe, archive) = an_hour().await;
    ship(&pipe, &archive).await;
    pipe.push(2 * AFTER_MS, &[("a", "up", 700, 2.0)]).await;
    pipe.tick(3 * AFTER_MS);
    pipe.save().await;
    let waiting = report(&pipe, &archive).await;
    assert_eq!((verdicts(&waiting), waiting.holds()), (vec![Verdict::ToBeRebuilt], true));
    ship(&pipe, &archive).await;
    assert_eq!(verdicts(&report(&pipe, &archive).await), [Verdict::Holds]);
}

#[tokio::test]
async fn after_the_store_expired_the_archive_is_compared_with_the_ledger() {
    let (pipe, archive) = an_hour().await;
    ship(&pipe, &archive).await;
    pipe.store.expire(HOUR / 24 + 1).await.unwrap();
    let after = report(&pipe, &archive).await;
    assert_eq!((verdicts(&after), after.lines[0].store), (vec![Verdict::Holds], None));
    let expired = report(&pipe, &Archive::in_memory()).await;
    assert_eq!((verdicts(&expired), expired.holds()), (vec![Verdict::Expired], true));
}

#[tokio::test]
async fn a_damaged_object_is_named() {
    let (pipe, _) = an_hour().await;
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::local(folder.path()).unwrap();
    ship(&pipe, &archive).await;
    let key = ObjectKey { tenant: TenantId::new("a").unwrap(), period: Period::Hour(HOUR), shard: 0 };
    let path = folder.path().join(key.path().as_ref());
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let report = report(&pipe, &archive).await;
    assert_eq!(report.damaged.len(), 1);
    assert_eq!(report.damaged[0].path, key.path().to_string());
    assert!(!report.holds());
}

#[tokio::test]
async fn what_the_log_lost_is_said() {
    let mut pipe = Pipe::new();
    pipe.push(1_000, &SAMPLES).await;
    pipe.gap();
    pipe.push(2_000, &SAMPLES[..1]).await;
    pipe.tick(AFTER_MS);
    pipe.save().await;
    let report = report(&pipe, &Archive::in_memory()).await;
    assert_eq!((verdicts(&report), report.lines[0].gap), (vec![Verdict::LogGap], 1));
}

#[tokio::test]
async fn only_the_hours_asked_for_are_read() {
    let (pipe, archive) = an_hour().await;
    ship(&pipe, &archive).await;
    let other = verify(&*pipe.store, &archive, 1, VerifyRange::Hours(HOUR + 1..HOUR + 2)).await.unwrap();
    assert_eq!((other.lines.len(), other.objects), (0, 0));
    let this = verify(&*pipe.store, &archive, 1, VerifyRange::Hours(HOUR..HOUR + 1)).await.unwrap();
    assert_eq!((this.lines.len(), this.objects), (1, 2));
}

#[tokio::test]
async fn the_report_is_the_same_after_json() {
    let (pipe, archive) = an_hour().await;
    let report = report(&pipe, &archive).await;
    let json = serde_json::to_string(&report).unwrap();
    assert!(json.contains(&format!(r#""source":{{"epoch":{EPOCH},"partition":0}}"#)), "{json}");
    assert!(json.contains(r#""verdict":"not_shipped""#), "{json}");
    assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
}

#[test]
fn it_can_be_spawned() {
    fn sent<T: Send>(value: T) -> T {
        value
    }
    let (store, archive) = (Arc::new(MemoryStore::new()), Archive::in_memory());
    drop(sent(verify(&*store, &archive, 1, VerifyRange::All)));
}

/// Days and months of the two tenants, as they are now.
async fn build_tiers(archive: &Archive) {
    for tier in [Tier::Minute, Tier::Hour] {
        for tenant in ["a", "b"] {
            let tenant = TenantId::new(tenant).unwrap();
            let key = ObjectKey { tenant, period: Period::containing(tier, HOUR), shard: 0 };
            crate::tiers::build(archive, &key).await.unwrap();
        }
    }
}

async fn delete(archive: &Archive, tenant: &str, tier: Tier) {
    let tenant = TenantId::new(tenant).unwrap();
    archive.delete(&ObjectKey { tenant, period: Period::containing(tier, HOUR), shard: 0 }).await.unwrap();
}

#[tokio::test]
async fn every_tier_is_counted_and_answers_when_the_finer_is_gone() {
    let (pipe, archive) = an_hour().await;
    ship(&pipe, &archive).await;
    build_tiers(&archive).await;
    let whole = report(&pipe, &archive).await;
    let brief: Vec<_> = whole.tiers.iter().map(|t| (t.resolution.as_str(), t.objects, t.samples, t.behind)).collect();
    assert_eq!(brief, [("5s", 2, 3, 0), ("1m", 2, 3, 0), ("1h", 2, 3, 0)]);
    assert!(whole.holds() && whole.to_string().contains("windows of 1m: 3 samples in 3 rows of 2 objects"), "{whole}");

    pipe.store.expire(HOUR / 24 + 1).await.unwrap();
    // Of one tenant, then of both: the others' hours and days add up with it.
    for (tier, verdict) in [(Tier::FiveSeconds, Verdict::Holds), (Tier::Minute, Verdict::HoldsByDay)] {
        for tenant in ["a", "b"] {
            delete(&archive, tenant, tier).await;
            let report = report(&pipe, &archive).await;
            assert_eq!((verdicts(&report), report.holds()), (vec![verdict], true), "{tier:?} of {tenant}: {report}");
        }
    }
    // What retention cannot have taken is a loss.
    delete(&archive, "a", Tier::Hour).await;
    assert_eq!(verdicts(&report(&pipe, &archive).await), [Verdict::LostInArchive]);
    let late = verify_since(&*pipe.store, &archive, 1, VerifyRange::All, HOUR + 1).await.unwrap();
    assert_eq!(verdicts(&late), [Verdict::Expired]);
}

#[tokio::test]
async fn a_day_that_is_behind_is_told_and_one_that_has_too_much_is_found() {
    let (mut pipe, archive) = an_hour().await;
    ship(&pipe, &archive).await;
    build_tiers(&archive).await;
    pipe.push(2 * AFTER_MS, &[("a", "up", 700, 2.0)]).await;
    pipe.tick(3 * AFTER_MS);
    pipe.save().await;
    ship(&pipe, &archive).await;
    let behind = report(&pipe, &archive).await;
    assert_eq!(behind.tiers.iter().map(|tier| tier.behind).collect::<Vec<_>>(), [0, 1, 0]);
    assert!(behind.holds() && behind.to_string().contains("1 parts are to be built in"), "{behind}");
    build_tiers(&archive).await;
    let whole = report(&pipe, &archive).await;
    assert_eq!(whole.tiers.iter().map(|tier| (tier.samples, tier.behind)).collect::<Vec<_>>(), [(4, 0); 3]);

    // An hour that lost samples, whatever did that.
    let (other, fresh) = an_hour().await;
    ship(&other, &fresh).await;
    let key = ObjectKey { tenant: TenantId::new("a").unwrap(), period: Period::Hour(HOUR), shard: 0 };
    archive.delete(&key).await.unwrap();
    let touched = BTreeMap::from([(SOURCE, other.touched(HOUR))]);
    let due = DueHour { shard: 0, hour: HOUR, touched, rebuild: false };
    ship_hour(&*other.store, &archive, 1, &due).await.unwrap();
    let report = report(&pipe, &archive).await;
    assert!(!report.holds() && report.damaged.iter().any(|one| one.reason.contains("covers more of")), "{report}");
}
