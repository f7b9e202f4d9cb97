use proptest::prelude::*;

use super::*;

fn key(tenant: &str, period: Period, shard: u16) -> ObjectKey {
    ObjectKey { tenant: TenantId::new(tenant).unwrap(), period, shard }
}

#[test]
fn a_path_reads_as_partition_columns() {
    let day = 20_777;
    for (tier, path) in [
        (Tier::FiveSeconds, "tenant=acme/resolution=5s/date=2026-11-20/hour=07/shard=03.parquet"),
        (Tier::Minute, "tenant=acme/resolution=1m/date=2026-11-20/shard=03.parquet"),
        (Tier::Hour, "tenant=acme/resolution=1h/month=2026-11/shard=03.parquet"),
    ] {
        let key = key("acme", Period::containing(tier, day * 24 + 7), 3);
        assert_eq!(key.path().as_ref(), path);
    }
}

#[test]
fn leap_days_and_the_turn_of_the_year() {
    for (day, date) in [
        (0, (1970, 1, 1)),
        (11_016, (2000, 2, 29)),
        (11_017, (2000, 3, 1)),
        (19_722, (2023, 12, 31)),
        (19_782, (2024, 2, 29)),
    ] {
        assert_eq!(civil_date(day), date);
    }
    let february = Period::containing(Tier::Hour, 19_782 * 24);
    assert_eq!((february.to_string(), february.parts().len()), ("2024-02".into(), 29));
}

#[test]
fn other_paths_are_no_keys() {
    for path in [
        "tenant=a/resolution=5s/date=2026-11-20/hour=07/_SUCCESS",
        "tenant=a/resolution=1m/date=2026-11-20/hour=07/shard=03.parquet",
        "tenant=a/resolution=5s/date=2026-02-30/hour=07/shard=03.parquet",
        "tenant=a/resolution=5s/date=2026-11-20/hour=25/shard=03.parquet",
        "tenant=a/resolution=5s/date=2026-11-20/hour=07/shard=3.parquet",
        "tenant=a/resolution=5s/date=2026-11-20/hour=07/shard=03.parquet/more",
        "tenant=a/resolution=1m/date=2026-11-20/hour=07/shard=03.parquet",
        "tenant=a/resolution=1h/month=2026-13/shard=03.parquet",
        "tenant=a/resolution=1h/month=2026-1/shard=03.parquet",
    ] {
        assert_eq!(ObjectKey::parse(&Path::from(path)), None, "{path}");
    }
}

proptest! {
    #[test]
    fn paths_round_trip(tenant in "[a-z0-9_][a-zA-Z0-9_.-]{0,63}", hour in 0u32..2_900_000, shard in 0u16..4096) {
        for tier in Tier::ALL {
            let key = key(&tenant, Period::containing(tier, hour), shard);
            prop_assert_eq!(ObjectKey::parse(&key.path()), Some(key));
        }
    }

    #[test]
    fn days_follow_each_other(day in 0u32..2_900_000) {
        let (a, b) = (civil_date(day), civil_date(day + 1));
        prop_assert!(a < b);
        prop_assert_eq!(day_of_civil(&[a.0.into(), a.1.into(), a.2.into()]), Some(day));
    }

    #[test]
    fn parts_make_up_their_period(hour in 0u32..2_900_000) {
        for tier in [Tier::Minute, Tier::Hour] {
            let period = Period::containing(tier, hour);
            prop_assert!(period.hours().contains(&hour));
            let parts: Vec<u32> = period.parts().into_iter().flat_map(Period::hours).collect();
            prop_assert!(parts.iter().copied().eq(period.hours()));
            prop_assert!(period.parts().iter().all(|part| part.coarser() == Some(period)));
        }
    }
}
