use std::sync::{Arc, Mutex};

use super::*;
use crate::Tasks;

fn target(name: &'static str, order: &Arc<Mutex<Vec<&'static str>>>) -> Target {
    let mut tasks = Tasks::detached();
    let order = order.clone();
    tasks.spawn(name, |cancel| async move {
        cancel.cancelled().await;
        order.lock().expect("not poisoned").push(name);
        Ok::<(), String>(())
    });
    Target { name, http: axum::Router::new(), tasks }
}

fn deaf(name: &'static str) -> Target {
    let mut tasks = Tasks::detached();
    tasks.spawn(name, |_| std::future::pending::<Result<(), String>>());
    Target { name, http: axum::Router::new(), tasks }
}

#[tokio::test]
async fn targets_stop_in_the_order_given() {
    let order = Arc::default();
    let targets = vec![target("agent", &order), target("gateway", &order), target("rollup", &order)];
    assert!(drain(targets, Duration::from_secs(60)).await.is_empty());
    assert_eq!(*order.lock().expect("not poisoned"), ["agent", "gateway", "rollup"]);
}

#[tokio::test]
async fn one_that_hangs_is_named_and_the_rest_still_stops() {
    let order = Arc::default();
    let targets = vec![deaf("gateway"), target("rollup", &order)];
    let stuck = drain(targets, Duration::from_millis(100)).await;
    assert!(matches!(&stuck[..], [TaskError::Stuck { task: "gateway", .. }, ..]), "{stuck:?}");
    tokio::time::timeout(Duration::from_secs(60), async {
        while order.lock().expect("not poisoned").is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("rollup was cancelled");
}
