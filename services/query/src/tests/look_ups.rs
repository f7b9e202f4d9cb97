//! What looks up series and labels obeys the limits of its tenant.

use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use axum::Extension;
use axum::extract::Request;
use prometheus_client::registry::Registry;
use tidegate_access::{Guard, Need, Principal, Role, Rule};
use tokio::net::TcpListener;
use tower_http::cors::CorsLayer;

use crate::Config;
use crate::service::Query;
use crate::testing::{BASE_MS, World, series};

const RULES: &[Rule] = &[Rule { method: None, path: "/", need: Need::Role(Role::Read) }];
const LOOK_UPS: [&str; 4] = ["series?match[]=m", "labels", "label/job/values", "status/tsdb"];

/// Of the default tenant, to whom the file of tokens grants these limits.
fn principal(limits: &str, registry: &mut Registry) -> Principal {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("tokens: []\ntenants: {{default: {{{limits}}}}}\n")).unwrap();
    let config = tidegate_access::Config { tokens_file: Some(file.path().to_owned()), ..Default::default() };
    let guard = Guard::load(&config, RULES, registry).unwrap().unwrap();
    let secret = guard.issue("test", tidegate_model::TenantId::default(), Role::Read).unwrap();
    let mut request = Request::get("/").header("authorization", format!("Bearer {}", secret.reveal()));
    request = request.header("x-scope-orgid", "default");
    let mut request = request.body(()).unwrap();
    let _admitted = guard.admit(&mut request, None).unwrap();
    request.extensions().get::<Principal>().unwrap().clone()
}

async fn serve(query: Arc<Query>, principal: Principal) -> SocketAddr {
    let router = crate::api::router(query, CorsLayer::new()).layer(Extension(principal));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

#[tokio::test]
async fn a_look_up_ends_at_its_tenants_time_and_counts_until_it_is_really_over() {
    let world = World::new(BASE_MS + 60_000);
    world.store(&[series(&[("__name__", "m"), ("job", "a")], vec![(BASE_MS, 1.0)])]).await;
    let query = world.query(Config::default()).await;
    let mut registry = Registry::default();
    let limits = format!("query_timeout_ms: 100, concurrent_queries: {}", LOOK_UPS.len());
    let principal = principal(&limits, &mut registry);
    let address = serve(query.clone(), principal.clone()).await;
    let ask = async |path: &str| {
        let answer = reqwest::get(format!("http://{address}/api/v1/{path}")).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let used = || principal.tenant.usage(Vec::new()).concurrent_queries.used;

    // Whoever writes to the index keeps the others waiting.
    let index = query.index.tenant(&world.tenant).unwrap();
    let ((locked, is_locked), (release, released)) = (mpsc::sync_channel(1), mpsc::sync_channel::<()>(1));
    let writing = std::thread::spawn(move || {
        let _index = index.write();
        locked.send(()).ok();
        released.recv().ok();
    });
    is_locked.recv().unwrap();
    for path in LOOK_UPS {
        let (status, text) = ask(path).await;
        assert_eq!(status, 503, "{path}: {text}");
        assert!(text.contains("the tenant's limit query_timeout_ms of 100 is reached"), "{path}: {text}");
    }
    let (status, text) = ask("labels").await;
    assert_eq!(status, 429, "{text}");
    assert!(text.contains("the tenant's limit concurrent_queries of 4 is reached"), "{text}");
    assert_eq!(used(), LOOK_UPS.len() as u64);
    let mut told = String::new();
    prometheus_client::encoding::text::encode(&mut told, &registry).unwrap();
    for (limit, count) in [("query_timeout_ms", LOOK_UPS.len()), ("concurrent_queries", 1)] {
        let line = format!("{{tenant=\"default\",token=\"\",limit=\"{limit}\"}} {count}\n");
        assert!(told.contains(&format!("tidegate_access_limited_requests_total{line}")), "{line}: {told}");
    }

    drop(release);
    writing.join().unwrap();
    for path in LOOK_UPS {
        let mut answer = ask(path).await;
        for _ in 0..300 {
            if answer.0 == 200 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            answer = ask(path).await;
        }
        assert_eq!(answer.0, 200, "{path}: {}", answer.1);
    }
    for _ in 0..300 {
        if used() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{} still count", used());
}
