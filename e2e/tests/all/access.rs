//! Tokens, tenants and limits, as clients meet them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use reqwest::{Client, Method, Response};
use tidegate_proto::v1::ingest_client::IngestClient;
use tidegate_testkit::{Series, Server, binary, eventually, now_ms, push, remote_write};

use crate::support::SEEN_LIMIT;

const LIMIT: Duration = Duration::from_secs(90);
const PAUSE: Duration = Duration::from_millis(100);

/// A server that asks for tokens, and the file that has them.
pub struct Guarded {
    pub server: Server,
    file: PathBuf,
    entries: Vec<(String, String)>,
    tenants: String,
    tokens: Vec<String>,
    pub client: Client,
    folder: tempfile::TempDir,
}

impl Guarded {
    pub async fn start(tenants: &str, settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("tokens.yaml");
        std::fs::write(&file, format!("tokens: []\n{tenants}"))?;
        let mut options = Server::quiet_options()
            .set("auth.tokens_file", file.display())
            .set("log.level", "debug,hyper=info,h2=info");
        for (key, value) in settings {
            options = options.set(key, value);
        }
        let server = options.start().await?;
        let (tenants, client) =
            (tenants.to_owned(), Client::builder().redirect(reqwest::redirect::Policy::none()).build()?);
        Ok(Self { server, file, entries: Vec::new(), tenants, tokens: Vec::new(), client, folder })
    }

    /// A token as `tidegate token new` makes it, once it is let in.
    pub async fn token(&mut self, tenant: &str, role: &str) -> anyhow::Result<String> {
        let name = format!("{tenant}-{role}-{}", self.tokens.len());
        let arguments = ["token", "new", "--tenant", tenant, "--role", role, "--name", &name];
        let output = Command::new(binary::tidegate()?).args(arguments).output()?;
        let text = String::from_utf8(output.stdout)?;
        let (token, entry) = text.split_once("\n\n").with_context(|| text.clone())?;
        self.entries.push((token.to_owned(), entry.to_owned()));
        self.write()?;
        self.tokens.push(token.to_owned());
        let path = if role == "admin" { "/nothing" } else { "/metrics" };
        let method = if role == "push" { Method::POST } else { Method::GET };
        let path = if role == "read" { "/api/v1/labels" } else { path };
        eventually("the token is let in", LIMIT, PAUSE, async || {
            let status = self.ask(method.clone(), path, Some(token)).await?.status();
            ensure!(status != 401, "{status}");
            Ok(Some(()))
        })
        .await?;
        Ok(token.to_owned())
    }

    fn write(&self) -> anyhow::Result<()> {
        let entries: String = self.entries.iter().map(|(_, entry)| entry.as_str()).collect();
        Ok(std::fs::write(&self.file, format!("{}tokens:\n{entries}", self.tenants))?)
    }

    pub async fn ask(&self, method: Method, path: &str, token: Option<&str>) -> anyhow::Result<Response> {
        let mut request = self.client.request(method, format!("{}{path}", self.server.http_url()));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        Ok(request.send().await?)
    }

    pub async fn push(&self, token: &str, series: &[Series]) -> anyhow::Result<Response> {
        let request = self.client.post(format!("{}/api/v1/write", self.server.http_url())).bearer_auth(token);
        let body = remote_write::snappy(&remote_write::Version::V1.encode(series))?;
        Ok(request.header("content-encoding", "snappy").body(body).send().await?)
    }

    /// That nothing the process has written holds a token.
    pub fn told_no_secret(&self) -> anyhow::Result<()> {
        let output = self.server.output();
        for token in &self.tokens {
            ensure!(!output.contains(token.as_str()), "a token is in the log");
        }
        ensure!(!output.contains("tdg_"), "a token is in the log");
        Ok(())
    }
}

#[tokio::test]
async fn each_route_asks_for_its_role() -> anyhow::Result<()> {
    let mut guarded = Guarded::start("", &[]).await?;
    let pusher = guarded.token("one", "push").await?;
    let read = guarded.token("one", "read").await?;
    let admin = guarded.token("ops", "admin").await?;
    let (get, post) = (Method::GET, Method::POST);
    for (method, path, right) in [
        (&post, "/api/v1/write", &pusher),
        (&post, "/v1/metrics", &pusher),
        (&post, "/metrics", &pusher),
        (&get, "/", &read),
        (&get, "/api/v1/query?query=1", &read),
        (&post, "/api/v1/query?query=1", &read),
        (&get, "/api/v1/query_range", &read),
        (&get, "/api/v1/series", &read),
        (&get, "/api/v1/labels", &read),
        (&get, "/api/v1/label/job/values", &read),
        (&get, "/api/v1/metadata", &read),
        (&get, "/api/v1/status/tsdb", &read),
        (&get, "/api/v1/status/config", &read),
        (&get, "/api/v1/status/pipeline", &read),
        (&get, "/api/v1/tenant/usage", &read),
        (&get, "/api/v1/status/tenants", &admin),
        (&get, "/api/v1/stream", &read),
        (&post, "/admin/verify", &admin),
        (&get, "/admin/log-level", &admin),
        (&Method::PUT, "/admin/log-level", &admin),
        (&Method::DELETE, "/admin/drain", &admin),
        (&get, "/admin/profile?seconds=0", &admin),
        (&get, "/no/such/route", &admin),
    ] {
        for token in [None, Some("tdg_nobody")] {
            let status = guarded.ask(method.clone(), path, token).await?.status();
            ensure!(status == 401, "{method} {path} with {token:?} gives {status}");
        }
        for token in [&pusher, &read, &admin] {
            let status = guarded.ask(method.clone(), path, Some(token)).await?.status().as_u16();
            ensure!((token != right) == (status == 403) && status != 401, "{method} {path} gives {status}");
        }
    }
    let mut stranger = push::Agent::new(&guarded.server.grpc_url(), [1; 16], "stranger")?;
    let batch = stranger.batch(&[Series::new("strange", &[]).at(now_ms(), 1.0)]);
    let refused = stranger.send(batch).await.err().context("a push without a token is taken")?;
    ensure!(refused.code() == tonic::Code::Unauthenticated, "{refused}");
    for path in ["/livez", "/readyz", "/metrics", "/login"] {
        let status = guarded.ask(Method::GET, path, None).await?.status();
        ensure!(status == 200, "{path} gives {status}");
    }
    let basic =
        guarded.client.get(format!("{}/api/v1/labels", guarded.server.http_url())).basic_auth("grafana", Some(&read));
    ensure!(basic.send().await?.status() == 200, "Basic is not understood");

    let verify = |token: &Path| {
        let mut command = Command::new(binary::tidegate()?);
        command.args(["verify", "--data-dir"]).arg(guarded.server.data_dir());
        command.arg("--set").arg(format!("auth.command_token_file={}", token.display()));
        Ok::<_, anyhow::Error>(command.output()?)
    };
    let (good, bad) = (guarded.folder.path().join("good"), guarded.folder.path().join("bad"));
    std::fs::write(&good, &admin)?;
    std::fs::write(&bad, &read)?;
    ensure!(verify(&good)?.status.success(), "verify with a token of admin");
    let refused = String::from_utf8(verify(&bad)?.stderr)?;
    ensure!(refused.contains("auth.command_token_file names a file with a token of role admin"), "{refused}");

    // What it writes is read by a thread of its own.
    eventually("the audit log tells who recounted", LIMIT, PAUSE, async || {
        let output = guarded.server.output();
        ensure!(output.contains("\"target\":\"audit\""), "no audit line in {output:.2000}");
        let done = |line: &&str| line.contains("/admin/verify") && line.contains("\"outcome\":\"done\"");
        let done = output.lines().find(done).context("no line of the recount")?;
        ensure!(done.contains("ops-admin"), "{done}");
        Ok(Some(()))
    })
    .await?;
    guarded.told_no_secret()
}

#[tokio::test]
async fn an_admin_changes_what_is_logged_and_drains_and_no_log_has_a_secret() -> anyhow::Result<()> {
    let mut guarded = Guarded::start("", &[]).await?;
    let (pusher, read) = (guarded.token("one", "push").await?, guarded.token("one", "read").await?);
    let admin = guarded.token("ops", "admin").await?;
    let url = |path: &str| format!("{}{path}", guarded.server.http_url());
    let level = async |directives: &'static str| {
        let request = guarded.client.put(url("/admin/log-level")).bearer_auth(&admin).body(directives);
        let answer = request.send().await?;
        Ok::<_, anyhow::Error>((answer.status().as_u16(), answer.text().await?))
    };
    ensure!(level("a=b=c").await?.0 == 400);
    // Whatever libraries tell, too, of requests by every way.
    ensure!(level("trace").await? == (200, "trace\n".into()));
    ensure!(guarded.push(&pusher, &[Series::new("told", &[]).at(now_ms(), 1.0)]).await?.status().is_success());
    let channel = tonic::transport::Channel::from_shared(guarded.server.grpc_url())?.connect_lazy();
    let batch = push::request([2; 16], 1, "told", &[Series::new("told", &[]).at(now_ms(), 1.0)]);
    let mut request = tonic::Request::new(batch);
    request.metadata_mut().insert("authorization", format!("Bearer {pusher}").parse()?);
    IngestClient::new(channel).push(request).await?;
    let cookie = format!("tidegate_session={read}");
    let basic = guarded.client.get(url("/api/v1/labels")).basic_auth("grafana", Some(&read));
    for request in [basic, guarded.client.get(url("/api/v1/labels")).header("cookie", cookie)] {
        ensure!(request.send().await?.status() == 200);
    }
    let login = guarded.client.post(url("/login")).header("sec-fetch-site", "same-origin");
    ensure!(login.form(&[("token", &read)]).send().await?.status() == 303);
    guarded.told_no_secret()?;
    ensure!(guarded.server.output().contains("\"level\":\"TRACE\""), "nothing was told");
    let answer = guarded.ask(Method::DELETE, "/admin/log-level", Some(&admin)).await?;
    ensure!(answer.text().await?.contains("hyper=info"), "not what it was at the start");

    for (method, status) in [(Method::PUT, 503), (Method::DELETE, 200)] {
        let changed = guarded.ask(method, "/admin/drain", Some(&admin)).await?;
        ensure!(changed.status() == 200, "{changed:?}");
        let ready = guarded.ask(Method::GET, "/readyz", None).await?.status();
        ensure!(ready == status, "{ready}");
        let answer = guarded.push(&pusher, &[Series::new("told", &[]).at(now_ms(), 1.0)]).await?;
        ensure!(answer.status().is_success(), "{}", answer.status());
    }
    let profile = guarded.ask(Method::GET, "/admin/profile?seconds=1", Some(&admin)).await?.text().await?;
    ensure!(profile.contains("user_seconds"), "{profile}");
    // A line comes after its answer.
    eventually("each of it is in the audit log", LIMIT, PAUSE, async || {
        let output = guarded.server.output();
        for path in ["/admin/log-level", "/admin/drain", "/admin/profile"] {
            let mut lines = output.lines().filter(|line| line.contains("\"target\":\"audit\"") && line.contains(path));
            ensure!(lines.any(|line| line.contains("ops-admin") && line.contains("\"outcome\":\"done\"")), "{path}");
        }
        Ok(Some(()))
    })
    .await?;
    guarded.told_no_secret()
}

#[tokio::test]
async fn tokens_are_changed_under_load_without_a_failure() -> anyhow::Result<()> {
    let mut guarded = Guarded::start("", &[]).await?;
    let mut token = guarded.token("one", "push").await?;
    for round in 0..3 {
        let next = guarded.token("one", "push").await?;
        for sample in 0..40 {
            let used = if sample % 2 == 0 { &token } else { &next };
            let answer = guarded.push(used, &[Series::new("rotated", &[]).at(now_ms(), f64::from(round))]).await?;
            ensure!(answer.status().is_success(), "{}", answer.status());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        guarded.entries.retain(|(of, _)| *of != token);
        guarded.write()?;
        for _ in 0..100 {
            let answer = guarded.push(&next, &[Series::new("rotated", &[]).at(now_ms(), 0.5)]).await?;
            ensure!(answer.status().is_success(), "{}", answer.status());
        }
        eventually("the old one is refused", LIMIT, PAUSE, async || {
            let status = guarded.push(&token, &[]).await?.status();
            ensure!(status == 401, "{status}");
            Ok(Some(()))
        })
        .await?;
        token = next;
    }
    guarded.told_no_secret()
}

#[tokio::test]
async fn a_tenant_over_its_limits_is_told_which_and_others_are_not_held_up() -> anyhow::Result<()> {
    let tenants = "tenants:\n  small: {samples_per_second: 10, active_series: 3, samples_per_query: 2, requests_per_second: 50}\n  \
                   short: {labels_per_series: 3, label_name_bytes: 9, label_value_bytes: 8, new_series_per_minute: 4, query_timeout_ms: 1}\n";
    let settings =
        [("limits.new_series_grace_seconds", "0"), ("compactor.tenant_retention.small.retention_5s_days", "20")];
    let mut guarded = Guarded::start(tenants, &settings).await?;
    let (small, read) = (guarded.token("small", "push").await?, guarded.token("small", "read").await?);
    let large = guarded.token("large", "push").await?;
    let series = |count: usize| -> Vec<Series> {
        (0..count).map(|number| Series::new("many", &[("n", &number.to_string())]).at(now_ms(), 1.0)).collect()
    };
    let answer = guarded.push(&small, &series(5)).await?;
    let (status, text) = (answer.status(), answer.text().await?);
    ensure!(status == 400 && text.contains("the tenant has 3 active series, its limit"), "{status} {text}");
    let answer = guarded.push(&small, &series(11)).await?;
    let (status, text) = (answer.status(), answer.text().await?);
    ensure!(status == 429 && text.contains("samples_per_second of 10"), "{status} {text}");
    ensure!(guarded.push(&large, &series(1_000)).await?.status().is_success(), "another tenant is held up");
    eventually("the query is too large", SEEN_LIMIT, PAUSE, async || {
        let path = "/api/v1/query?query=sum(many)%2Bsum(many)";
        let text = guarded.ask(Method::GET, path, Some(&read)).await?.text().await?;
        ensure!(text.contains("the tenant's limit samples_per_query of 2 is reached"), "{text}");
        Ok(Some(()))
    })
    .await?;
    // Labels, and series that are new.
    let (short, short_read) = (guarded.token("short", "push").await?, guarded.token("short", "read").await?);
    for (series, wanted) in [
        (Series::new("m", &[("a", "1"), ("b", "2"), ("c", "3")]), "more than 3 labels (labels_per_series)"),
        (Series::new("m", &[("long_names", "1")]), "exceeds the limit of 9 (label_name_bytes)"),
        (Series::new("m", &[("a", "long value")]), "the limit is 8 (label_value_bytes)"),
    ] {
        let answer = guarded.push(&short, &[series.at(now_ms(), 1.0)]).await?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status == 400 && text.contains(wanted), "{status} {text}");
    }
    let answer = guarded.push(&short, &series(20)).await?;
    let (status, text) = (answer.status(), answer.text().await?);
    ensure!(status == 400 && text.contains("the tenant has 4 new series in a minute, its limit"), "{status} {text}");
    ensure!(guarded.push(&short, &series(1)).await?.status().is_success(), "a known series is refused");
    eventually("a query takes longer than a millisecond", SEEN_LIMIT, PAUSE, async || {
        let query = "sum_over_time(sum(sum_over_time(vector(1)[1d:10s]))[1h:1s])".replace('+', "%2B");
        let path = format!("/api/v1/query?query={query}");
        let text = guarded.ask(Method::GET, &path, Some(&short_read)).await?.text().await?;
        ensure!(text.contains("the tenant's limit query_timeout_ms of 1 is reached"), "{text}");
        Ok(Some(()))
    })
    .await?;
    // A token's own limits, beside the tenant's.
    let own = guarded.token("large", "push").await?;
    let limited = guarded.entries.iter_mut().find(|(token, _)| *token == own).context("the entry")?;
    limited.1.push_str("  limits: {samples_per_second: 5}\n");
    guarded.write()?;
    eventually("the token's limit is in force", LIMIT, PAUSE, async || {
        let answer = guarded.push(&own, &series(6)).await?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status == 429 && text.contains("the token's limit samples_per_second of 5"), "{status} {text}");
        Ok(Some(()))
    })
    .await?;
    ensure!(guarded.push(&large, &series(1_000)).await?.status().is_success(), "another token is held up");
    let large_read = guarded.token("large", "read").await?;
    let usage = guarded.ask(Method::GET, "/api/v1/tenant/usage", Some(&large_read)).await?.text().await?;
    let usage: serde_json::Value = serde_json::from_str(&usage)?;
    let of_token = &usage["data"]["tokens"][0];
    ensure!(of_token["samples_per_second"]["limit"] == 5 && of_token["refused_requests"].as_u64() > Some(0), "{usage}");
    let usage = guarded.ask(Method::GET, "/api/v1/tenant/usage", Some(&short_read)).await?.text().await?;
    let usage: serde_json::Value = serde_json::from_str(&usage)?;
    let data = &usage["data"];
    ensure!(data["new_series_per_minute"] == serde_json::json!({"used": 4, "limit": 4}), "{usage}");
    ensure!(data["labels_per_series"]["limit"] == 3 && data["query_timeout_ms"]["limit"] == 1, "{usage}");
    ensure!(data["tokens"] == serde_json::json!([]) && data["retention_5s_days"]["limit"] == 31, "{usage}");
    let usage = guarded.ask(Method::GET, "/api/v1/tenant/usage", Some(&read)).await?.text().await?;
    let usage: serde_json::Value = serde_json::from_str(&usage)?;
    let data = &usage["data"];
    ensure!(data["tenant"] == "small" && data["active_series"]["used"] == 3, "{usage}");
    ensure!(data["active_series"]["limit"] == 3 && data["refused_requests"].as_u64() >= Some(3), "{usage}");
    ensure!(data["retention_5s_days"]["limit"] == 20 && data["retention_1m_days"]["limit"] == 90, "{usage}");
    let metrics = guarded.ask(Method::GET, "/metrics", None).await?.text().await?;
    let own = format!("large-push-{}", guarded.tokens.iter().position(|token| *token == own).context("a place")?);
    for (tenant, token, limit) in [
        ("small", "", "active_series"),
        ("small", "", "samples_per_second"),
        ("small", "", "samples_per_query"),
        ("short", "", "labels_per_series"),
        ("short", "", "label_name_bytes"),
        ("short", "", "label_value_bytes"),
        ("short", "", "new_series_per_minute"),
        ("short", "", "query_timeout_ms"),
        ("large", own.as_str(), "samples_per_second"),
    ] {
        let labels = format!("tenant=\"{tenant}\",token=\"{token}\",limit=\"{limit}\"");
        ensure!(metrics.contains(&format!("tidegate_access_limited_requests_total{{{labels}}}")), "{labels}: not told");
    }
    for reason in ["label_limit", "new_series_limit", "series_limit"] {
        let labels = format!("protocol=\"remote_write_1\",reason=\"{reason}\"");
        ensure!(metrics.contains(&format!("rejected_samples_total{{{labels}}}")), "{labels}: not told");
    }
    Ok(())
}

#[tokio::test]
async fn a_browser_logs_in_and_out() -> anyhow::Result<()> {
    let mut guarded = Guarded::start("", &[]).await?;
    let read = guarded.token("one", "read").await?;
    let url = |path: &str| format!("{}{path}", guarded.server.http_url());
    let page = guarded.client.get(url("/")).header("accept", "text/html").send().await?;
    ensure!(page.status() == 303 && page.headers()["location"] == "/login", "{page:?}");
    let form = |token: &str| guarded.client.post(url("/login")).form(&[("token", token.to_owned())]);
    let foreign = form(&read).header("sec-fetch-site", "cross-site").send().await?;
    ensure!(foreign.status() == 403 && !foreign.headers().contains_key("set-cookie"), "{foreign:?}");
    let entered = form(&read).header("sec-fetch-site", "same-origin").send().await?;
    ensure!(entered.status() == 303, "{entered:?}");
    let cookie = entered.headers()["set-cookie"].to_str()?.split(';').next().context("a cookie")?.to_owned();
    let with = |request: reqwest::RequestBuilder| request.header("cookie", &cookie);
    ensure!(with(guarded.client.get(url("/api/v1/labels"))).send().await?.status() == 200);
    let foreign =
        with(guarded.client.post(url("/api/v1/labels"))).header("origin", "https://evil.example").send().await?;
    ensure!(foreign.status() == 403, "{foreign:?}");
    let left = with(guarded.client.post(url("/logout"))).header("sec-fetch-site", "same-origin").send().await?;
    ensure!(left.headers()["set-cookie"].to_str()?.contains("Max-Age=0"), "{left:?}");
    guarded.told_no_secret()
}

#[tokio::test]
async fn the_agent_inside_pushes_with_a_token_of_its_own_over_tls() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let key = rcgen::KeyPair::generate()?;
    let certificate = rcgen::CertificateParams::new(vec!["tidegate.example".to_owned()])?.self_signed(&key)?;
    let (certificate_path, key_path) = (folder.path().join("server.pem"), folder.path().join("server.key"));
    std::fs::write(&certificate_path, certificate.pem())?;
    std::fs::write(&key_path, key.serialize_pem())?;
    let settings = [
        ("agent.enabled", "true"),
        ("agent.interval_seconds", "1"),
        ("grpc.tls.certificate_path", certificate_path.to_str().context("a path")?),
        ("grpc.tls.key_path", key_path.to_str().context("a path")?),
    ];
    let mut guarded = Guarded::start("", &settings).await?;
    let read = guarded.token("default", "read").await?;
    eventually("the host's load is there", SEEN_LIMIT, PAUSE, async || {
        let text = guarded.ask(Method::GET, "/api/v1/query?query=node_load1", Some(&read)).await?.text().await?;
        ensure!(text.contains("node_load1"), "{text}");
        Ok(Some(()))
    })
    .await?;
    guarded.told_no_secret()
}
