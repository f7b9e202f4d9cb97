//! Several compactors on one store and one archive, in any order of steps: a
//! member that joined, one that has not noticed that its shards are gone, and
//! one that was stopped in the middle of a put.

use std::fmt;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult,
};
use prometheus_client::registry::Registry;
use tidegate_coldstore::conditional::StorePut;
use tidegate_coldstore::{ObjectKey, Tier};
use tidegate_eventlog::memory::MemoryLog;
use tidegate_hotstore::memory::MemoryStore;
use tidegate_model::time::DAY_MS;
use tidegate_model::{Clock, Progress, SourceId, TenantId};
use tidegate_runtime::Health;

use super::*;
use crate::fixture::{HOUR, HOUR_START_MS, Pipe};
use crate::verify::{VerifyRange, verify};

/// Lets others go first, a number of times that a seed decides, before each
/// thing that it is asked.
#[derive(Debug)]
struct Unhurried {
    store: InMemory,
    random: Mutex<u64>,
    /// Puts that came too late.
    refused: AtomicU64,
}

impl Unhurried {
    async fn wait(&self) {
        let times = {
            let mut random = self.random.lock().unwrap();
            *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let drawn = *random >> 33;
            // Now and then for so long that others finish all they have.
            if drawn.is_multiple_of(23) { 400 } else { drawn % 7 }
        };
        for _ in 0..times {
            tokio::task::yield_now().await;
        }
    }
}

impl fmt::Display for Unhurried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an unhurried store")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Unhurried {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> object_store::Result<PutResult> {
        self.wait().await;
        let put = self.store.put_opts(path, payload, options).await;
        self.refused.fetch_add(u64::from(put.is_err()), Ordering::Relaxed);
        self.wait().await;
        put
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.store.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> object_store::Result<GetResult> {
        self.wait().await;
        self.store.get_opts(path, options).await
    }

    async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> object_store::Result<Vec<bytes::Bytes>> {
        self.wait().await;
        self.store.get_ranges(path, ranges).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        self.store.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.store.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        self.wait().await;
        self.store.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> object_store::Result<()> {
        self.store.copy_opts(from, to, options).await
    }
}

fn archive(seed: u64) -> (Arc<Unhurried>, Arc<Archive>) {
    let store = Unhurried { store: InMemory::new(), random: Mutex::new(seed), refused: AtomicU64::new(0) };
    let store = Arc::new(store);
    (store.clone(), Arc::new(Archive::new(store.clone(), Arc::new(StorePut(store)))))
}

fn member(store: &Arc<MemoryStore>, archive: &Arc<Archive>, now_ms: i64) -> Service {
    let config = Config { settle_seconds: 0, tier_settle_seconds: 0, poll_seconds: 1, ..Config::default() };
    let log = MemoryLog::with_clock(1, Arc::new(move || now_ms));
    let metrics = Metrics::register(&mut Registry::default());
    let part = Health::new().part("compactor");
    Service::new(config, Arc::new(log), store.clone(), archive.clone(), metrics, part)
}

/// The log of the members is folded up to this time.
async fn folded(store: &MemoryStore, now_ms: i64) {
    let log = MemoryLog::new(1);
    let clock = Clock { era: 0, effective_ms: now_ms };
    let source = SourceId { epoch: log.epoch(Topic::MetricsRaw), partition: 0 };
    let progress = Progress {
        source,
        resume_offset: 0,
        resume_clock: clock,
        closed_through: clock,
        position: now_ms as u64,
        ledger: BTreeMap::new(),
    };
    store.save_progress(progress).await.unwrap();
}

const NOW_MS: i64 = HOUR_START_MS + DAY_MS + 2 * HOUR_MS;
const ROUNDS: i64 = 6;

/// Late samples keep coming while three members ship and build, each for all
/// shards. Whatever the order: at the end every tier has every sample once.
#[tokio::test]
async fn members_that_share_an_archive_lose_and_double_nothing() {
    let mut refused = 0;
    for seed in 1..=40 {
        let mut pipe = Pipe::new();
        let (unhurried, archive) = archive(seed);
        folded(&pipe.store, NOW_MS).await;
        let mut members = [(); 3].map(|()| member(&pipe.store, &archive, NOW_MS));
        for round in 0..ROUNDS {
            // A sample of each of two hours, late by ever more.
            let at_ms = HOUR_MS * 2 + 11_000 + round * 120_000;
            pipe.push(at_ms, &[("a", "up", round * 1_000, 1.0), ("a", "cpu", HOUR_MS + round * 1_000, 2.0)]).await;
            pipe.tick(at_ms + 130_000);
            let [one, two, three] = &mut members;
            let shards = [0];
            // The first two begin before the late ones are saved, the third after.
            tokio::join!(one.round(&shards), two.round(&shards), async {
                tokio::task::yield_now().await;
                pipe.save().await;
                three.round(&shards).await;
            });
        }
        refused += unhurried.refused.load(Ordering::Relaxed);
        // One is left, and tries again what failed.
        let last = &mut members[2];
        for _ in 0..3 {
            last.failed.clear();
            last.tiers = Tiers::default();
            last.round(&[0]).await;
        }
        let report = verify(&*pipe.store, &archive, 1, VerifyRange::All).await.unwrap();
        assert!(report.holds(), "seed {seed}: {report}");
        for tier in &report.tiers {
            assert_eq!((tier.samples, tier.behind), (2 * ROUNDS as u64, 0), "seed {seed}: {report}");
        }
        for tier in Tier::ALL {
            let period = Period::containing(tier, HOUR);
            let key = ObjectKey { tenant: TenantId::new("a").unwrap(), period, shard: 0 };
            let read = archive.read(&key, Some("up"), &|_| true).await.unwrap().unwrap();
            let samples: u32 = read.iter().flat_map(|(_, windows)| windows).map(|w| w.value.samples()).sum();
            assert_eq!(i64::from(samples), ROUNDS, "seed {seed}, {tier:?}");
        }
        assert!(members.iter().all(|member| member.metrics.refused.get() == 0), "seed {seed}: a false alarm");
    }
    assert!(refused > 100, "the members hardly met: {refused} puts came too late");
}
