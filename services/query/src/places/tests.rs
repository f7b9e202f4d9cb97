use super::*;

fn places(process: usize, tenant: usize, waiting: usize, wait_ms: u64) -> Arc<Places> {
    let wait = Duration::from_millis(wait_ms);
    Arc::new(Places::new(Bounds { of_process: process, of_tenant: tenant, waiting_of_tenant: waiting, wait }))
}

fn tenant(name: &str) -> TenantId {
    TenantId::new(name).unwrap()
}

#[tokio::test]
async fn a_tenant_that_takes_all_its_places_leaves_the_others_theirs() {
    let places = places(3, 2, 0, 1_000);
    let greedy = [places.take(&tenant("a")).await.unwrap(), places.take(&tenant("a")).await.unwrap()];
    assert!(matches!(places.take(&tenant("a")).await, Err(Error::TenantBusy { running: 2, waiting: 0 })));
    drop(places.take(&tenant("b")).await.unwrap());
    drop(greedy);
    assert!(places.tenants.lock().is_empty(), "tenants without queries are forgotten");
}

#[tokio::test]
async fn the_line_is_bounded_in_length_and_in_time() {
    let places = places(8, 1, 1, 50);
    let a = tenant("a");
    let running = places.take(&a).await.unwrap();
    let (first, second) = tokio::join!(places.take(&a), places.take(&a));
    // The second found the line full at once, the first waited in vain.
    assert!(matches!(first, Err(Error::TenantBusy { .. })) && matches!(second, Err(Error::TenantBusy { .. })));
    drop(running);
    places.take(&tenant("a")).await.unwrap();
}

#[tokio::test]
async fn a_process_without_places_is_busy_and_who_leaves_the_line_is_forgotten() {
    let places = places(1, 1, 4, 20);
    let running = places.take(&tenant("a")).await.unwrap();
    assert!(matches!(places.take(&tenant("b")).await, Err(Error::Busy { limit: 1 })));
    let waiting = tokio::time::timeout(Duration::from_millis(1), places.take(&tenant("c"))).await;
    assert!(waiting.is_err());
    assert_eq!(places.tenants.lock().len(), 1);
    drop(running);
    places.take(&tenant("b")).await.unwrap();
}
