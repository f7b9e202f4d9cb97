use super::*;

fn tenant(limits: TenantLimits) -> Arc<Account> {
    Arc::new(Account::new(TenantId::new("t").expect("a name"), None, limits, Metrics::default()))
}

#[test]
fn a_rate_names_its_limit() {
    let tenant = tenant(TenantLimits { samples_per_second: Some(100), ..TenantLimits::default() });
    assert_eq!(tenant.samples(101).expect_err("too many").retry_after, None);
    tenant.samples(100).expect("nothing was taken");
    let over = tenant.samples(100).expect_err("are not there yet");
    assert_eq!(over.to_string(), "the tenant's limit samples_per_second of 100 is reached");
    assert!(over.retry_after.is_some());
}

#[test]
fn what_is_held_is_given_back() {
    let tenant = tenant(TenantLimits { streams: Some(1), ..TenantLimits::default() });
    let held = tenant.hold(What::Stream).expect("one");
    assert_eq!(tenant.hold(What::Stream).expect_err("no second").limit, "streams");
    assert_eq!((tenant.usage(Vec::new()).streams.used, tenant.usage(Vec::new()).refused_requests), (1, 1));
    drop(held);
    let _held = tenant.hold(What::Stream).expect("one again");
    let _queries = [tenant.hold(What::Query).expect("no limit"), tenant.hold(What::Query).expect("no limit")];
    assert_eq!(tenant.usage(Vec::new()).concurrent_queries.used, 2);
}

#[test]
fn new_limits_hold_at_once() {
    let tenant = tenant(TenantLimits::default());
    let _held = tenant.hold(What::Query).expect("no limit");
    tenant.set_limits(TenantLimits { concurrent_queries: Some(1), ..TenantLimits::default() });
    tenant.hold(What::Query).expect_err("one is there");
}

#[test]
fn limits_that_make_no_sense_are_named() {
    let limits = |text: &str| serde_yaml_ng::from_str::<TenantLimits>(text).expect("reads").check();
    assert_eq!(limits("{labels_per_series: 0}"), Err("labels_per_series is 1 to 1000, not 0".into()));
    assert_eq!(limits("{label_name_bytes: 7}"), Err("label_name_bytes is 8 to 65536, not 7".into()));
    assert_eq!(limits("{query_timeout_ms: 0}"), Err("query_timeout_ms is 1 or more, not 0".into()));
    assert_eq!(limits("{labels_per_series: 5, new_series_per_minute: 0}"), Ok(()));
}
