use super::*;

fn tenant(limits: TenantLimits) -> Arc<Tenant> {
    Arc::new(Tenant::new(TenantId::new("t").expect("a name"), limits, Metrics::default()))
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
    let held = tenant.stream().expect("one");
    assert_eq!(tenant.stream().expect_err("no second").limit, "streams");
    assert_eq!((tenant.usage().streams.used, tenant.usage().refused_requests), (1, 1));
    drop(held);
    let _held = tenant.stream().expect("one again");
    let _queries = [tenant.query().expect("no limit"), tenant.query().expect("no limit")];
    assert_eq!(tenant.usage().concurrent_queries.used, 2);
}

#[test]
fn new_limits_hold_at_once() {
    let tenant = tenant(TenantLimits::default());
    let _held = tenant.query().expect("no limit");
    tenant.set_limits(TenantLimits { concurrent_queries: Some(1), ..TenantLimits::default() });
    tenant.query().expect_err("one is there");
}
