use super::*;

fn id(number: u64) -> MetricId {
    MetricId::of_canonical(&TenantId::default(), &number.to_le_bytes())
}

#[test]
fn the_cap_holds_across_an_hour_and_gives_way_after_the_next() {
    let cap = SeriesCap::new(100);
    let series = cap.of(&TenantId::default());
    assert_eq!((0..200).filter(|number| series.admit(id(*number))).count(), 100);
    assert_eq!(cap.active(), 100);

    cap.turn_over();
    assert!((0..50).all(|number| series.admit(id(number))), "known series go on");
    assert!(!series.admit(id(500)), "those not seen yet this hour still count");

    cap.turn_over();
    assert_eq!(cap.active(), 50);
    assert!(series.admit(id(500)));
}

#[test]
fn tenants_have_caps_of_their_own_and_go_when_they_are_idle() {
    let cap = SeriesCap::new(1);
    let tenants: Vec<TenantId> = ["a", "b"].iter().map(|name| TenantId::new(name).unwrap()).collect();
    for tenant in &tenants {
        assert!(cap.of(tenant).admit(id(1)));
        assert!(!cap.of(tenant).admit(id(2)));
    }
    cap.turn_over();
    cap.turn_over();
    assert_eq!(cap.tenants.read().len(), 0);
}

#[test]
fn zero_is_no_cap() {
    let series = SeriesCap::new(0).of(&TenantId::default());
    assert!((0..1_000).all(|number| series.admit(id(number))));
}
