use super::*;

fn caps(active: u64, of_all: u64) -> SeriesCap {
    SeriesCap::new(&Limits { active_series_per_tenant: active, active_series: of_all, ..Limits::default() })
}

fn of(cap: &SeriesCap, tenant: &TenantId) -> Arc<TenantSeries> {
    cap.of(tenant, cap.caps())
}

fn id(number: u64) -> MetricId {
    MetricId::of_canonical(&TenantId::default(), &number.to_le_bytes())
}

#[test]
fn the_cap_holds_across_an_hour_and_gives_way_after_the_next() {
    let cap = caps(100, 0);
    let series = of(&cap, &TenantId::default());
    assert_eq!((0..200).filter(|number| series.admit(id(*number)).is_ok()).count(), 100);
    assert_eq!(cap.active(), 100);

    cap.turn_over();
    assert!((0..50).all(|number| series.admit(id(number)).is_ok()), "known series go on");
    assert!(series.admit(id(500)).is_err(), "those not seen yet this hour still count");

    cap.turn_over();
    assert_eq!(cap.active(), 50);
    assert!(series.admit(id(500)).is_ok());
}

#[test]
fn tenants_have_caps_of_their_own_and_go_when_they_are_idle() {
    let cap = caps(1, 0);
    let tenants: Vec<TenantId> = ["a", "b"].iter().map(|name| TenantId::new(name).unwrap()).collect();
    for tenant in &tenants {
        assert!(of(&cap, tenant).admit(id(1)).is_ok());
        assert_eq!(of(&cap, tenant).admit(id(2)), Err(Full::Tenant { cap: 1 }));
    }
    cap.turn_over();
    cap.turn_over();
    assert_eq!(cap.tenants.read().len(), 0);
}

#[test]
fn zero_is_no_cap() {
    let series = of(&caps(0, 0), &TenantId::default());
    assert!((0..1_000).all(|number| series.admit(id(number)).is_ok()));
}

#[test]
fn all_tenants_together_have_a_cap() {
    let cap = caps(0, 3);
    let [a, b] = ["a", "b"].map(|name| of(&cap, &TenantId::new(name).unwrap()));
    assert!((0..2).all(|number| a.admit(id(number)).is_ok()));
    assert!(b.admit(id(0)).is_ok());
    assert_eq!(b.admit(id(1)), Err(Full::All { cap: 3 }));
    assert_eq!((b.active(), cap.active()), (1, 3), "what was refused does not count");
    cap.turn_over();
    assert!(a.admit(id(0)).is_ok());
    cap.turn_over();
    assert_eq!(cap.active(), 1);
    assert!((1..3).all(|number| b.admit(id(number)).is_ok()));
}

#[test]
fn a_tenant_may_have_a_cap_of_its_own_that_changes() {
    let cap = caps(10, 0);
    let tenant = TenantId::default();
    let series = cap.of(&tenant, Caps { active: 2, new_per_minute: 0 });
    assert_eq!((0..5).filter(|number| series.admit(id(*number)).is_ok()).count(), 2);
    let series = cap.of(&tenant, Caps { active: 4, new_per_minute: 0 });
    assert_eq!((0..9).filter(|number| series.admit(id(*number)).is_ok()).count(), 4);
    assert_eq!((series.active(), series.cap()), (4, 4));
    assert_eq!(of(&cap, &tenant).cap(), 10);
}

#[test]
fn a_minute_has_so_many_new_series() {
    let cap = SeriesCap::new(&Limits { new_series_grace_seconds: 0, ..Limits::default() });
    let tenant = TenantId::default();
    let own = Caps { active: 1_000, new_per_minute: 10 };
    let series = cap.of(&tenant, own);
    // The machine may be slow: a tenth of a minute brings one more.
    let admitted = (0..100).filter(|number| series.admit(id(*number)).is_ok()).count() as u64;
    assert!((10..=12).contains(&admitted), "{admitted}");
    assert!((0..10).all(|number| series.admit(id(number)).is_ok()), "those that are known do not count");
    assert_eq!((series.active(), series.new_in_last_minute(), cap.active()), (admitted, admitted, admitted));
    assert!((500..520).any(|number| series.admit(id(number)) == Err(Full::New { per_minute: 10 })));
    assert_eq!(cap.of(&tenant, Caps { new_per_minute: 0, ..own }).admit(id(700)), Ok(()), "no limit any more");
}

#[test]
fn what_a_gateway_sees_first_is_not_new() {
    let cap = SeriesCap::new(&Limits {
        new_series_per_minute_per_tenant: 10,
        new_series_grace_seconds: 3_600,
        ..Limits::default()
    });
    let series = of(&cap, &TenantId::default());
    assert!((0..1_000).all(|number| series.admit(id(number)).is_ok()));
}
