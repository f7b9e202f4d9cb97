use http::header::{AUTHORIZATION, COOKIE};

use super::*;

pub const READER: &str = "tdg_reader";

const RULES: &[Rule] = &[
    Rule { method: None, path: "/open", need: Need::Nothing },
    Rule { method: Some(Method::GET), path: "/metrics", need: Need::Metrics },
    Rule { method: None, path: "/push", need: Need::Role(Role::Push) },
    Rule { method: None, path: "/read", need: Need::Role(Role::Read) },
];

pub fn file() -> String {
    let entry = |name: &str, tenant: &str, rest: &str| {
        let hash = Digest::of(&format!("tdg_{name}"));
        format!("- {{name: {name}, hash: '{hash}', tenant: {tenant}, {rest}}}\n")
    };
    ["tokens:\n".to_owned()]
        .into_iter()
        .chain([
            entry("reader", "one", "roles: [read]"),
            entry("pusher", "one", "roles: [push]"),
            entry("root", "ops", "roles: [admin]"),
            entry("expired", "one", "roles: [push, read, admin], expires: 2020-01-01"),
        ])
        .collect()
}

fn load(text: &str, protect_metrics: bool) -> Guard {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tokens.yaml");
    std::fs::write(&path, text).expect("writes");
    let config = Config { tokens_file: Some(path), protect_metrics, ..Config::default() };
    Guard::load(&config, RULES, &mut Registry::default()).expect("loads").expect("a guard")
}

pub fn guard() -> Guard {
    load(&file(), false)
}

fn ask(guard: &Guard, path: &str, headers: &[(&str, &str)]) -> Result<Request<()>, Refusal> {
    let mut request = Request::post(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(()).expect("a request");
    guard.admit(&mut request, None).map(|_| request)
}

fn bearer(token: &str) -> (&'static str, String) {
    (AUTHORIZATION.as_str(), format!("Bearer {token}"))
}

fn with(guard: &Guard, path: &str, token: &str) -> Result<Request<()>, Refusal> {
    let (name, value) = bearer(token);
    ask(guard, path, &[(name, &value)])
}

#[test]
fn without_a_file_there_is_no_guard() {
    assert!(Guard::load(&Config::default(), RULES, &mut Registry::default()).expect("loads").is_none());
}

#[test]
fn a_file_that_is_not_there_or_wrong_stops_the_start() {
    let config = Config { tokens_file: Some("/nowhere/tokens.yaml".into()), ..Config::default() };
    let error = Guard::load(&config, RULES, &mut Registry::default()).err().expect("fails").to_string();
    assert!(error.starts_with("auth.tokens_file: cannot read the tokens in /nowhere/tokens.yaml: "), "{error}");
}

#[test]
fn the_token_says_the_tenant() {
    let guard = guard();
    let request = with(&guard, "/read", READER).expect("is let in");
    assert_eq!(request.headers()["x-scope-orgid"], "one");
    let principal = request.extensions().get::<Principal>().expect("is told");
    assert_eq!((principal.token.name.as_str(), principal.tenant.id.as_str()), ("reader", "one"));
}

#[test]
fn a_header_for_another_tenant_is_refused_however_it_is_sent() {
    let guard = guard();
    let (name, value) = bearer(READER);
    let own = ask(&guard, "/read", &[(name, &value), ("X-Scope-OrgID", "one")]).expect("its own");
    assert_eq!(own.headers().get_all("x-scope-orgid").iter().count(), 1);
    for others in [&["two"][..], &["one", "two"], &["two", "one"], &["one,two"], &["one "], &["ONE"], &[""]] {
        let headers: Vec<_> =
            [(name, value.as_str())].into_iter().chain(others.iter().map(|other| ("X-Scope-OrgID", *other))).collect();
        // Surrounding spaces are gone before a header is one.
        assert_eq!(ask(&guard, "/read", &headers).map(|_| ()), Err(Refusal::Tenant), "{others:?}");
    }
}

#[test]
fn without_a_good_token_nothing_is_let_in() {
    let guard = guard();
    assert_eq!(ask(&guard, "/read", &[]).map(|_| ()), Err(Refusal::Missing));
    assert_eq!(ask(&guard, "/read", &[("X-Scope-OrgID", "one")]).map(|_| ()), Err(Refusal::Missing));
    for wrong in ["tdg_other", "", "reader", &Digest::of(READER).to_string()] {
        assert_eq!(with(&guard, "/read", wrong).map(|_| ()), Err(Refusal::Unknown), "{wrong}");
    }
    assert_eq!(with(&guard, "/read", "tdg_expired").map(|_| ()), Err(Refusal::Expired));
}

#[test]
fn a_role_is_good_for_what_it_says_only() {
    let guard = guard();
    for (token, path, wanted) in [
        ("tdg_reader", "/read", None),
        ("tdg_reader", "/push", Some("push")),
        ("tdg_reader", "/forgotten", Some("admin")),
        ("tdg_pusher", "/push", None),
        ("tdg_pusher", "/read", Some("read")),
        ("tdg_root", "/forgotten", None),
        ("tdg_root", "/read", Some("read")),
    ] {
        let answer = with(&guard, path, token).map(|_| ());
        assert_eq!(answer, wanted.map_or(Ok(()), |role| Err(Refusal::Role(role))), "{token} {path}");
    }
}

#[test]
fn open_routes_know_no_tenant() {
    let request = ask(&guard(), "/open", &[("X-Scope-OrgID", "one")]).expect("is open");
    assert!(request.headers().is_empty() && request.extensions().get::<Principal>().is_none());
}

#[test]
fn metrics_are_open_unless_they_are_protected() {
    let get = |guard: &Guard| guard.admit(&mut Request::get("/metrics").body(()).expect("a request"), None).err();
    assert_eq!(get(&guard()), None);
    assert_eq!(get(&load(&file(), true)), Some(Refusal::Missing));
}

#[test]
fn a_cookie_alone_changes_nothing_for_another_site() {
    let guard = guard();
    let cookie = (COOKIE.as_str(), "tidegate_session=tdg_reader");
    assert_eq!(ask(&guard, "/read", &[cookie]).map(|_| ()), Err(Refusal::CrossSite));
    let evil = ("sec-fetch-site", "cross-site");
    assert_eq!(ask(&guard, "/read", &[cookie, evil]).map(|_| ()), Err(Refusal::CrossSite));
    ask(&guard, "/read", &[cookie, ("sec-fetch-site", "same-origin")]).expect("the dashboard's own");
    let mut get = Request::get("/read").header(COOKIE, cookie.1).body(()).expect("a request");
    assert!(guard.admit(&mut get, None).is_ok());
}

#[test]
fn a_browser_may_ask_whether_it_may_ask() {
    let guard = guard();
    let options = |path: &str| Request::options(path).header("access-control-request-method", "GET");
    let mut request = options("/read").header("X-Scope-OrgID", "one").body(()).expect("a request");
    assert!(guard.admit(&mut request, None).is_ok() && request.headers().get("x-scope-orgid").is_none());
    let mut bare = Request::options("/read").body(()).expect("a request");
    assert_eq!(guard.admit(&mut bare, None).err(), Some(Refusal::Missing));
}

#[test]
fn issued_tokens_outlive_the_file() {
    let guard = guard();
    let secret = guard.issue("inside", TenantId::new("mine").expect("a name"), Role::Push).expect("random");
    guard.replace(Tokens::default());
    assert_eq!(with(&guard, "/read", READER).map(|_| ()), Err(Refusal::Unknown));
    let request = with(&guard, "/push", secret.reveal()).expect("is let in");
    assert_eq!(request.headers()["x-scope-orgid"], "mine");
}

#[test]
fn a_tenant_keeps_its_counts_when_tokens_are_read_again() {
    let guard = guard();
    let tenant =
        with(&guard, "/read", READER).expect("in").extensions().get::<Principal>().expect("told").tenant.clone();
    let limits = format!("{}tenants:\n  one: {{streams: 1}}\n", file());
    guard.replace(Tokens::read(&limits).expect("reads"));
    let after =
        with(&guard, "/read", READER).expect("in").extensions().get::<Principal>().expect("told").tenant.clone();
    assert!(Arc::ptr_eq(&tenant, &after));
    assert_eq!(tenant.limits().streams, Some(1));
}

#[tokio::test]
async fn changes_of_the_file_are_seen_and_mistakes_change_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tokens.yaml");
    std::fs::write(&path, file()).expect("writes");
    let config = Config { tokens_file: Some(path.clone()), ..Config::default() };
    let guard = Guard::load(&config, RULES, &mut Registry::default()).expect("loads").expect("a guard");
    let cancel = tokio_util::sync::CancellationToken::new();
    let reading = tokio::spawn(guard.clone().keep_reading(cancel.clone()));
    let until = async |wanted: Result<(), Refusal>| {
        for _ in 0..1_200 {
            if with(&guard, "/read", READER).map(|_| ()) == wanted {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("never {wanted:?}");
    };
    std::fs::write(&path, file().replace("name: reader", "name: [")).expect("writes");
    while guard.metrics().failed_reloads.get() == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    until(Ok(())).await;
    std::fs::write(&path, "tokens: []").expect("writes");
    until(Err(Refusal::Unknown)).await;
    std::fs::write(&path, file()).expect("writes");
    until(Ok(())).await;
    cancel.cancel();
    reading.await.expect("ends").expect("well");
}
