//! What every [`Catalog`] must do. Each function panics with the reason when
//! it does not; for tests of adapters.

use std::ops::Range;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use tidegate_model::TenantId;

use super::{Catalog, Listed};
use crate::key::success_marker;
use crate::{ConditionalPut, ObjectKey, Period, PutCondition, Tier};

const TENANT: &str = "catalog";
/// The first of a day and of a month: 2026-11-01.
const HOUR: u32 = 20_758 * 24;

/// Runs the suite on an archive without this tenant; `store` reads what `puts`
/// writes and `catalog` finds.
pub async fn catalog(catalog: &dyn Catalog, puts: &dyn ConditionalPut, store: &dyn ObjectStore) {
    let Ok(tenant) = TenantId::new(TENANT) else { unreachable!("a valid name") };
    let suite = Suite { catalog, puts, store, tenant };
    suite.nothing_is_there().await;
    suite.every_put_is_seen_at_once().await;
    suite.what_reaches_into_the_time_is_found_in_order().await;
    suite.what_is_no_object_is_left_out().await;
    suite.what_is_deleted_is_gone().await;
}

struct Suite<'a> {
    catalog: &'a dyn Catalog,
    puts: &'a dyn ConditionalPut,
    store: &'a dyn ObjectStore,
    tenant: TenantId,
}

impl Suite<'_> {
    async fn nothing_is_there(&self) {
        for hours in [HOUR..HOUR + 1, HOUR..HOUR + 5_000, 0..u32::MAX, HOUR..HOUR] {
            assert_eq!(self.objects(&Tier::ALL, hours).await, [], "of a tenant without any");
        }
    }

    /// One after the other without a pause: what is seen must not hang on the
    /// clock of the file system.
    async fn every_put_is_seen_at_once(&self) {
        let key = self.key(Period::Hour(HOUR), 0);
        let mut condition = PutCondition::Absent;
        for round in 0..30 {
            self.put(&key.path(), &format!("{:02}", round % 7), condition).await;
            let there = self.listed(&key).await;
            let found = self.objects(&[Tier::FiveSeconds], HOUR..HOUR + 1).await;
            assert_eq!(found, std::slice::from_ref(&there), "put {round}");
            condition = PutCondition::Matches(there.e_tag.unwrap_or_default());
        }
        for shard in 1..20 {
            self.put(&self.key(Period::Hour(HOUR), shard).path(), "new", PutCondition::Absent).await;
            let found = self.objects(&[Tier::FiveSeconds], HOUR..HOUR + 1).await;
            assert_eq!(found.len(), usize::from(shard) + 1, "after shard {shard} was put");
        }
    }

    async fn what_reaches_into_the_time_is_found_in_order(&self) {
        let days = [HOUR, HOUR + 24, HOUR + 29 * 24, HOUR + 40 * 24];
        for (shard, hour) in (0..).zip(days) {
            for tier in Tier::ALL {
                for shard in [shard, 120] {
                    let path = self.key(Period::containing(tier, hour + 7), shard).path();
                    // A month has several of these days.
                    self.puts.put(&path, Bytes::from_static(b"more"), PutCondition::Absent).await.ok();
                }
            }
        }
        let Ok(other) = TenantId::new("catalog-2") else { unreachable!("a valid name") };
        let other = ObjectKey { tenant: other, period: Period::Hour(HOUR + 7), shard: 0 };
        self.put(&other.path(), "of another tenant", PutCondition::Absent).await;
        let all = self.objects(&Tier::ALL, 0..u32::MAX).await;
        assert_eq!(all.len(), 20 + 4 * 2 + 4 * 2 + (4 + 2), "all there is");
        for listed in &all {
            assert_eq!(*listed, self.listed(&listed.key).await, "as the store has it");
        }
        let ranges = [
            HOUR..HOUR + 1,
            HOUR + 7..HOUR + 8,
            HOUR + 5..HOUR + 9,
            HOUR + 8..HOUR + 24 + 7,
            HOUR..HOUR + 48,
            HOUR + 24..HOUR + 35 * 24,
            HOUR - 1..HOUR + 300 * 24,
            0..HOUR + 8,
            HOUR + 25 * 24..u32::MAX,
            HOUR + 7..HOUR + 7,
        ];
        for hours in ranges {
            let meets = |listed: &&Listed| {
                let period = listed.key.period.hours();
                period.start.max(hours.start) < period.end.min(hours.end)
            };
            let expected: Vec<Listed> = all.iter().filter(meets).cloned().collect();
            assert_eq!(self.objects(&Tier::ALL, hours.clone()).await, expected, "{hours:?}");
            let of_one = expected.into_iter().filter(|listed| listed.key.period.tier() == Tier::Minute);
            let of_one: Vec<Listed> = of_one.collect();
            assert_eq!(self.objects(&[Tier::Minute], hours.clone()).await, of_one, "one tier of {hours:?}");
        }
    }

    async fn what_is_no_object_is_left_out(&self) {
        let before = self.objects(&Tier::ALL, 0..u32::MAX).await;
        let hour = self.key(Period::Hour(HOUR), 0).path();
        let folder = hour.as_ref().trim_end_matches("shard=00.parquet");
        let names = ["shard=1.parquet", "shard=021.parquet", "shard=+1.parquet", "shard=70000.parquet", "shard=01"];
        for name in names.into_iter().chain(["shard=22.parquet.new", "shard=23.parquet/a", "readme"]) {
            self.put(&Path::from(format!("{folder}{name}")), "other", PutCondition::Absent).await;
        }
        self.put(&success_marker(&self.tenant, HOUR), "", PutCondition::Absent).await;
        for hours in [HOUR..HOUR + 1, HOUR..HOUR + 24, 0..u32::MAX] {
            let meets = |listed: &&Listed| listed.key.period.hours().start < hours.end;
            let expected: Vec<Listed> = before.iter().filter(meets).cloned().collect();
            assert_eq!(self.objects(&Tier::ALL, hours).await, expected);
        }
    }

    async fn what_is_deleted_is_gone(&self) {
        for shard in (0..20).rev() {
            let gone = self.store.delete(&self.key(Period::Hour(HOUR), shard).path()).await;
            assert!(gone.is_ok(), "{gone:?}");
            let left = self.objects(&[Tier::FiveSeconds], HOUR..HOUR + 1).await;
            assert_eq!(left.len(), usize::from(shard), "after shard {shard} went");
        }
    }

    fn key(&self, period: Period, shard: u16) -> ObjectKey {
        ObjectKey { tenant: self.tenant.clone(), period, shard }
    }

    async fn objects(&self, tiers: &[Tier], hours: Range<u32>) -> Vec<Listed> {
        match self.catalog.objects(&self.tenant, tiers, hours.clone()).await {
            Ok(listed) => listed,
            Err(error) => panic!("the objects of {hours:?}: {error}"),
        }
    }

    /// By the store, one object at a time.
    async fn listed(&self, key: &ObjectKey) -> Listed {
        match self.store.head(&key.path()).await {
            Ok(meta) => Listed { key: key.clone(), e_tag: meta.e_tag, size_bytes: meta.size },
            Err(error) => panic!("{}: {error}", key.path()),
        }
    }

    async fn put(&self, path: &Path, text: &str, condition: PutCondition) {
        let done = self.puts.put(path, Bytes::copy_from_slice(text.as_bytes()), condition).await;
        assert!(done.is_ok(), "{path}: {done:?}");
    }
}
