use super::*;

fn hash(token: &str) -> String {
    Digest::of(token).to_string()
}

#[test]
fn a_token_is_found_by_its_digest_alone() {
    let text = format!(
        "tokens:\n- {{name: a, hash: '{}', tenant: one, roles: [push, read]}}\n- {{name: b, hash: '{}', tenant: two, \
         roles: [admin], expires: 2026-11-22}}\ntenants:\n  one: {{samples_per_second: 10}}\n  three: {{}}\n",
        hash("tdg_a"),
        hash("tdg_b")
    );
    let tokens = Tokens::read(&text).expect("reads");
    assert_eq!(tokens.len(), 2);
    let a = tokens.find(&Digest::of("tdg_a")).expect("is there");
    assert_eq!((a.name.as_str(), a.tenant.as_str()), ("a", "one"));
    assert!(a.has(Role::Push) && a.has(Role::Read) && !a.has(Role::Admin));
    assert!(tokens.find(&Digest::of("tdg_c")).is_none());
    let b = tokens.find(&Digest::of("tdg_b")).expect("is there");
    let noon = humantime::parse_rfc3339("2026-11-21T23:59:59Z").expect("a time");
    assert!(!b.is_expired(noon) && b.is_expired(noon + Duration::from_secs(1)) && !a.is_expired(noon));
    let mut tenants: Vec<_> = tokens.tenants().map(TenantId::as_str).collect();
    tenants.sort_unstable();
    assert_eq!(tenants, ["one", "three", "two"]);
    assert_eq!(tokens.limits(&a.tenant).samples_per_second, Some(10));
}

#[test]
fn mistakes_are_named_and_no_secret_is_quoted() {
    let good = hash("tdg_a");
    let entry = |rest: &str| format!("tokens: [{{name: a, tenant: t, roles: [read], {rest}}}]");
    for (text, wanted) in [
        (entry("hash: tdg_inclear"), "tokens: entry 1 (\"a\"): hash: it is not sha256:"),
        (entry(&format!("hash: '{good}', expires: soon")), "expires: \"soon\" is no time"),
        (entry(&format!("hash: '{good}', role: x")), "unknown field `role`"),
        (format!("tokens: [{{name: a, hash: '{good}', tenant: ../b, roles: [read]}}]"), "tenant: tenant name may hold"),
        (format!("tokens: [{{name: a, hash: '{good}', tenant: b, roles: []}}]"), "roles: there is none"),
        (format!("tokens: [{{name: a, hash: '{good}', tenant: b, roles: [root]}}]"), "unknown variant `root`"),
        ("tokens: tdg_inclear".to_owned(), "invalid type: string \"tdg_…\""),
        ("tenants: {t: {samples: 1}}".to_owned(), "unknown field `samples`"),
    ] {
        let error = Tokens::read(&text).expect_err("is wrong");
        assert!(error.contains(wanted), "{text}: {error}");
        assert!(!error.contains("inclear"), "{error}");
    }
    let one = format!("{{name: a, hash: '{good}', tenant: t, roles: [read]}}");
    let twice = Tokens::read(&format!("tokens: [{one}, {one}]")).expect_err("twice");
    assert_eq!(twice, "tokens: the name \"a\" is given twice");
    let other = one.replace("name: a", "name: b");
    let twice = Tokens::read(&format!("tokens: [{one}, {other}]")).expect_err("twice");
    assert!(twice.ends_with("an entry before it has the same hash"), "{twice}");
}

#[test]
fn an_empty_file_lets_nobody_in() {
    assert!(Tokens::read("tokens: []").expect("reads").is_empty());
    assert!(Tokens::read("").is_err() || Tokens::read("").expect("reads").is_empty());
}
