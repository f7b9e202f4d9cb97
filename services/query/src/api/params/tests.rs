use axum::body::Body;

use super::*;

async fn ask(request: http::request::Builder, body: &'static [u8]) -> Result<Ask, String> {
    let request = request.body(Body::from(body)).unwrap();
    Ask::read(request, 1000).await.map_err(|error| error.to_string())
}

#[tokio::test]
async fn form_and_url_are_read_and_the_form_comes_first() {
    let request =
        Request::post("/?query=url&x=1").header("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
    let ask = ask(request, b"query=a+%2B%20b&match[]=x&match%5B%5D=y&empty=").await.unwrap();
    assert_eq!(ask.get("query"), Some("a + b"));
    assert_eq!(ask.get("x"), Some("1"));
    assert_eq!(ask.get("empty"), None);
    assert_eq!(ask.all("match[]").collect::<Vec<_>>(), ["x", "y"]);
    assert_eq!(ask.tenant, TenantId::default());
}

#[tokio::test]
async fn what_cannot_be_read_is_refused() {
    let form = || Request::post("/").header("Content-Type", FORM);
    for (body, expected) in [
        (&b"query=%ff"[..], "not UTF-8"),
        (b"query=\xff", "not UTF-8"),
        (b"query=%f", "hexadecimal"),
        (b"query=%zz", "hexadecimal"),
        (&[b'x'; 1001][..], "exceeds 1000 bytes"),
    ] {
        let body: &'static [u8] = body.to_vec().leak();
        let error = ask(form(), body).await.err().unwrap();
        assert!(error.contains(expected), "{error}");
    }
    let json = Request::post("/").header("Content-Type", "application/json");
    assert!(ask(json, b"{}").await.err().unwrap().contains("content type"));
    let tenant = Request::get("/").header("X-Scope-OrgID", "../etc");
    assert!(ask(tenant, b"").await.err().unwrap().contains("tenant"));
}

#[tokio::test]
async fn selectors_are_selectors() {
    let get = |query: &str| Request::get(format!("/?{query}"));
    let good = ask(get("match[]=up&match[]={job=%22a%22}"), b"").await.unwrap();
    assert_eq!(good.selectors().unwrap().len(), 2);
    for bad in ["match[]=up[5m]", "match[]=1", "match[]=sum(up)", "match[]={", "match[]=%7B%7D"] {
        assert!(ask(get(bad), b"").await.unwrap().selectors().is_err(), "{bad}");
    }
}

#[tokio::test]
async fn limits_and_timeouts() {
    let get = |query: &str| Request::get(format!("/?{query}"));
    let ask_limit = |query: &'static str| async move { ask(get(query), b"").await.unwrap().limit("limit").ok() };
    assert_eq!(ask_limit("limit=3").await, Some(3));
    assert_eq!(ask_limit("limit=0").await, Some(usize::MAX));
    assert_eq!(ask_limit("limit=-1").await, None);
    let longest = Duration::from_secs(10);
    let timeout = |query: &'static str| async move { ask(get(query), b"").await.unwrap().timeout(longest).ok() };
    assert_eq!(timeout("timeout=1s").await, Some(Duration::from_secs(1)));
    assert_eq!(timeout("timeout=1h").await, Some(longest));
    assert_eq!(timeout("timeout=0").await, None);
    assert_eq!(timeout("timeout=-5").await, None);
}
