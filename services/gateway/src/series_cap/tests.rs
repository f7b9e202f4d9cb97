use super::*;

fn id(number: u64) -> MetricId {
    MetricId::of_canonical(&TenantId::default(), &number.to_le_bytes())
}

#[test]
fn the_cap_holds_across_an_hour_and_gives_way_after_the_next() {
    let cap = SeriesCap::new(100, 0);
    let series = cap.of(&TenantId::default(), None);
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
    let cap = SeriesCap::new(1, 0);
    let tenants: Vec<TenantId> = ["a", "b"].iter().map(|name| TenantId::new(name).unwrap()).collect();
    for tenant in &tenants {
        assert!(cap.of(tenant, None).admit(id(1)).is_ok());
        assert_eq!(cap.of(tenant, None).admit(id(2)), Err(Full::Tenant { cap: 1 }));
    }
    cap.turn_over();
    cap.turn_over();
    assert_eq!(cap.tenants.read().len(), 0);
}

#[test]
fn zero_is_no_cap() {
    let series = SeriesCap::new(0, 0).of(&TenantId::default(), None);
    assert!((0..1_000).all(|number| series.admit(id(number)).is_ok()));
}

#[test]
fn all_tenants_together_have_a_cap() {
    let cap = SeriesCap::new(0, 3);
    let [a, b] = ["a", "b"].map(|name| cap.of(&TenantId::new(name).unwrap(), None));
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
    let cap = SeriesCap::new(10, 0);
    let tenant = TenantId::default();
    let series = cap.of(&tenant, Some(2));
    assert_eq!((0..5).filter(|number| series.admit(id(*number)).is_ok()).count(), 2);
    let series = cap.of(&tenant, Some(4));
    assert_eq!((0..9).filter(|number| series.admit(id(*number)).is_ok()).count(), 4);
    assert_eq!((series.active(), series.cap()), (4, 4));
    assert_eq!(cap.of(&tenant, None).cap(), 10);
}
