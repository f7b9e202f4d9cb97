use proptest::prelude::*;

use super::*;

fn key(tenant: &str, hour: u32, shard: u16) -> HourKey {
    HourKey { tenant: TenantId::new(tenant).unwrap(), hour, shard }
}

#[test]
fn a_path_reads_as_partition_columns() {
    let path = key("acme", 20_777 * 24 + 7, 3).path();
    assert_eq!(path.as_ref(), "tenant=acme/resolution=5s/date=2026-11-20/hour=07/shard=03.parquet");
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
    ] {
        assert_eq!(HourKey::parse(&Path::from(path)), None, "{path}");
    }
}

proptest! {
    #[test]
    fn paths_round_trip(tenant in "[a-z0-9_][a-zA-Z0-9_.-]{0,63}", hour in 0u32..2_900_000, shard in 0u16..4096) {
        let key = key(&tenant, hour, shard);
        prop_assert_eq!(HourKey::parse(&key.path()), Some(key));
    }

    #[test]
    fn days_follow_each_other(day in 0u32..2_900_000) {
        let (a, b) = (civil_date(day), civil_date(day + 1));
        prop_assert!(a < b);
        prop_assert_eq!(parse_date(&format!("{:04}-{:02}-{:02}", a.0, a.1, a.2)), Some(day));
    }
}
