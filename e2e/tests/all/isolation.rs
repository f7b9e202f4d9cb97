//! Two tenants do whatever comes, in any order, on every API. Of one nothing is ever in an answer to the other, nothing that one
//! pushes changes what the other has, and what both push byte for byte counts for both.

#[path = "isolation/archived.rs"]
mod archived;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use anyhow::{Context, ensure};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use proptest::prelude::{Just, Strategy, prop_oneof};
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use reqwest::Method;
use serde_json::Value;
use tidegate_proto::v1::ingest_client::IngestClient;
use tidegate_proto::v1::{Metadata, metadata};
use tidegate_testkit::{Series, eventually, json, now_ms, otlp, push, remote_write};
use tonic::Code;

use crate::access::Guarded;
use crate::support::SEEN_LIMIT;

const PAUSE: Duration = Duration::from_millis(200);
const CASES: u32 = 4;
/// Series that are pushed together: enough that both tenants have some in the same partition.
const TWINS: usize = 24;
const TENANTS: [&str; 2] = ["yaaa", "ybbb"];
/// In names and values of all that is a tenant's alone.
const MARKS: [&str; 2] = ["xaaa", "xbbb"];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum By {
    Json,
    KeyedJson,
    RemoteWrite1,
    RemoteWrite2,
    OtlpHttp,
    OtlpGrpc,
    Native,
}

#[derive(Clone, Copy, Debug)]
enum What {
    /// The same bytes whichever tenant pushes them.
    Twin(u8),
    /// Names and values of this tenant alone.
    Own,
    /// A series that both have, with a value of each one's own.
    Shared,
}

#[derive(Clone, Copy, Debug)]
enum Do {
    Push(By, What),
    /// With the name of the other in `X-Scope-OrgID`.
    PushAs(By, What),
    Ask(Route, Selector),
    AskAs(Route, Selector),
}

#[derive(Clone, Copy, Debug)]
enum Route {
    Query,
    QueryRange,
    LongAgo,
    Series,
    Labels,
    Values(&'static str),
    Plain(&'static str),
}

/// What is asked for: by patterns, or by the name of what only the other has.
#[derive(Clone, Copy, Debug)]
enum Selector {
    Pattern(&'static str),
    /// With the other's mark for `MARK`.
    Foreign(&'static str),
}

#[derive(Clone, Copy, Debug)]
struct Step {
    tenant: usize,
    does: Do,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    PushingAndAsking,
    Asking,
}

fn steps(phase: Phase) -> impl Strategy<Value = Vec<Step>> {
    let by = || {
        proptest::sample::select(vec![
            By::Json,
            By::KeyedJson,
            By::RemoteWrite1,
            By::RemoteWrite2,
            By::OtlpHttp,
            By::OtlpGrpc,
            By::Native,
        ])
    };
    let what = || prop_oneof![4 => (0_u8..6).prop_map(What::Twin), 2 => Just(What::Own), 1 => Just(What::Shared)];
    let route = || {
        prop_oneof![
            Just(Route::Query),
            Just(Route::QueryRange),
            Just(Route::LongAgo),
            Just(Route::Series),
            Just(Route::Labels),
            proptest::sample::select(vec!["job", "__name__", "xaaa", "xbbb", "instance"]).prop_map(Route::Values),
            proptest::sample::select(vec![
                "/api/v1/metadata",
                "/api/v1/query_exemplars?query=twin",
                "/api/v1/status/tsdb",
                "/api/v1/status/pipeline",
                "/api/v1/status/tenants",
                "/api/v1/status/config",
                "/api/v1/status/flags",
                "/api/v1/status/runtimeinfo",
                "/api/v1/status/buildinfo",
                "/api/v1/tenant/usage",
                "/api/v1/rules",
                "/api/v1/alerts",
                "/api/v1/query?query=sum(",
                "/api/v1/query?query=nothing[",
                "/api/v1/query_range?query=twin",
                "/api/v1/series?match[]=twin%5B5m%5D",
                "/api/v1/stream?query=twin&step=1s",
                "/api/v1/label/../values",
                "/api/v1/../v1/labels",
                "/admin/verify",
                "/metrics?tenant=all",
                "/",
                "/nothing/of/the/kind",
            ])
            .prop_map(Route::Plain),
        ]
    };
    let selector = || {
        prop_oneof![
            3 => proptest::sample::select(vec![
                "{__name__!=\"\"}",
                "{__name__=~\".+\"}",
                "{job=~\"x.*\"}",
                "{job!=\"none\"}",
                "{__name__=~\"x.*_total|twin|shared\"}",
                "twin",
                "shared",
                "sum by (job, kind) ({__name__!=\"\"})",
                "count by (__name__) ({__name__=~\".+\"})",
                "label_replace(shared, \"a\", \"$1\", \"job\", \"(.*)\")",
                "topk(3, {job!=\"\"})",
            ]).prop_map(Selector::Pattern),
            1 => proptest::sample::select(vec![
                "MARK_total",
                "{job=\"MARK\"}",
                "{MARK!=\"\"}",
                "{job=~\"MARK|none\"}",
            ]).prop_map(Selector::Foreign),
        ]
    };
    let pushes = prop_oneof![
        6 => (by(), what()).prop_map(|(by, what)| Do::Push(by, what)),
        1 => (by(), what()).prop_map(|(by, what)| Do::PushAs(by, what)),
    ];
    let asks = prop_oneof![
        6 => (route(), selector()).prop_map(|(route, selector)| Do::Ask(route, selector)),
        1 => (route(), selector()).prop_map(|(route, selector)| Do::AskAs(route, selector)),
    ];
    let does = match phase {
        Phase::PushingAndAsking => prop_oneof![pushes, asks].boxed(),
        Phase::Asking => asks.boxed(),
    };
    proptest::collection::vec((0..2_usize, does).prop_map(|(tenant, does)| Step { tenant, does }), 10..40)
}

/// What each tenant must have in the end.
#[derive(Default)]
struct Pushed {
    twins: [BTreeSet<(By, u8)>; 2],
    shared: [bool; 2],
}

struct Site {
    guarded: Guarded,
    push: Vec<String>,
    read: Vec<String>,
    /// What is pushed is so much older than it says by the clock, and so is what is asked for.
    ago_ms: i64,
    /// By that time, as what follows.
    begun_ms: i64,
    /// What is asked for from when on nothing more is pushed.
    asked_ms: OnceLock<i64>,
    pushed: Mutex<Pushed>,
}

impl Site {
    async fn start(ago_ms: i64, settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let mut guarded = Guarded::start("", settings).await?;
        let (mut push, mut read) = (Vec::new(), Vec::new());
        for tenant in TENANTS {
            push.push(guarded.token(tenant, "push").await?);
            read.push(guarded.token(tenant, "read").await?);
        }
        let (begun_ms, asked_ms) = (now_ms() - ago_ms, OnceLock::new());
        Ok(Self { guarded, push, read, ago_ms, begun_ms, asked_ms, pushed: Mutex::default() })
    }

    fn now_ms(&self) -> i64 {
        self.asked_ms.get().copied().unwrap_or_else(|| now_ms() - self.ago_ms)
    }

    /// So that there is something to be seen from the begin.
    async fn begin(&self) -> anyhow::Result<()> {
        for tenant in 0..2 {
            for by in [By::Native, By::RemoteWrite1] {
                self.step(Step { tenant, does: Do::Push(by, What::Own) }).await?;
            }
            self.step(Step { tenant, does: Do::Push(By::Native, What::Twin(0)) }).await?;
        }
        Ok(())
    }

    async fn both_see_their_own(&self) -> anyhow::Result<()> {
        eventually("both see their own", SEEN_LIMIT, PAUSE, async || {
            for (tenant, mark) in MARKS.iter().enumerate() {
                ensure!(!self.query(tenant, &format!("{mark}_total")).await?.is_empty(), "nothing of {mark}");
            }
            Ok(Some(()))
        })
        .await
    }

    /// Whatever comes.
    fn run(&self, phase: Phase, cases: u32) -> anyhow::Result<()> {
        let config = Config { cases, failure_persistence: None, max_shrink_iters: 40, ..Config::default() };
        let runtime = tokio::runtime::Handle::current();
        let ran = tokio::task::block_in_place(|| {
            TestRunner::new(config).run(&steps(phase), |steps| {
                let all = async {
                    for step in steps {
                        self.step(step).await.with_context(|| format!("{step:?}"))?;
                    }
                    anyhow::Ok(())
                };
                runtime.block_on(all).map_err(|error| TestCaseError::fail(format!("{error:#}")))
            })
        });
        ran.map_err(|error| anyhow::anyhow!("{error}"))
    }

    /// Each kind of answer holds one's own, so the other's would have been seen in it.
    async fn every_answer_shows_its_own(&self) -> anyhow::Result<()> {
        let all = Selector::Pattern("{__name__!=\"\"}");
        for route in [Route::Query, Route::QueryRange, Route::Series, Route::Labels, Route::Values("job")] {
            for (tenant, name) in TENANTS.iter().enumerate() {
                ensure!(self.ask(tenant, route, all).await?, "{route:?} shows {name} nothing");
            }
        }
        Ok(())
    }

    fn series(&self, tenant: usize, by: By, what: What) -> Vec<Series> {
        let (mark, kind) = (MARKS[tenant], format!("{by:?}"));
        match what {
            What::Twin(number) => (0..TWINS)
                .map(|part| {
                    let labels = [("kind", &*kind), ("number", &number.to_string()), ("part", &part.to_string())];
                    Series::new("twin", &labels).at(self.begun_ms + i64::from(number), 1.0)
                })
                .collect(),
            What::Own => {
                let labels = [("job", mark), (mark, mark), ("instance", mark)];
                vec![Series::new(&format!("{mark}_total"), &labels).at(self.now_ms(), 2.0)]
            }
            What::Shared => vec![Series::new("shared", &[("kind", "both")]).at(self.now_ms(), own_value(tenant))],
        }
    }

    /// Whether it was taken; what was refused was because the tenant is another.
    async fn push(&self, tenant: usize, by: By, what: What, header: Option<&str>) -> anyhow::Result<bool> {
        let series = self.series(tenant, by, what);
        if matches!(by, By::Native | By::OtlpGrpc) {
            return match self.call(tenant, by, what, &series, header).await {
                Ok(()) => Ok(true),
                Err(status) if status.code() == Code::PermissionDenied => {
                    ensure!(!status.message().contains(MARKS[1 - tenant]), "{status}");
                    Ok(false)
                }
                Err(status) => Err(status.into()),
            };
        }
        let (path, kind, encoding, body) = match by {
            By::Json | By::KeyedJson => ("/metrics", "application/json", "identity", json::body(&series).into_bytes()),
            By::OtlpHttp => {
                ("/v1/metrics", "application/json", "identity", serde_json::to_vec(&otlp::gauges(&series))?)
            }
            _ => {
                let version =
                    if by == By::RemoteWrite1 { remote_write::Version::V1 } else { remote_write::Version::V2 };
                let body = remote_write::snappy(&version.encode(&series))?;
                ("/api/v1/write", version.content_type(), "snappy", body)
            }
        };
        let url = format!("{}{path}", self.guarded.server.http_url());
        let mut request = self.guarded.client.post(url).bearer_auth(&self.push[tenant]).body(body);
        request = request.header("content-type", kind).header("content-encoding", encoding);
        if let (By::KeyedJson, What::Twin(number)) = (by, what) {
            request = request.header("idempotency-key", format!("key-{number}"));
        }
        if let Some(other) = header {
            request = request.header("X-Scope-OrgID", other);
        }
        let answer = request.send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(!text.contains(MARKS[1 - tenant]), "{text}");
        ensure!(status.is_success() || status == 403, "{by:?}: {status}: {text}");
        Ok(status.is_success())
    }

    async fn call(
        &self,
        tenant: usize,
        by: By,
        what: What,
        series: &[Series],
        header: Option<&str>,
    ) -> Result<(), tonic::Status> {
        let channel = tonic::transport::Channel::from_shared(self.guarded.server.grpc_url());
        let channel = channel.map_err(|error| tonic::Status::unknown(error.to_string()))?.connect_lazy();
        let with = |metadata: &mut tonic::metadata::MetadataMap| {
            if let Ok(token) = format!("Bearer {}", self.push[tenant]).parse() {
                metadata.insert("authorization", token);
            }
            if let Some(Ok(other)) = header.map(str::parse) {
                metadata.insert("x-scope-orgid", other);
            }
        };
        if by == By::OtlpGrpc {
            let mut request = tonic::Request::new(otlp::gauges(series));
            with(request.metadata_mut());
            return MetricsServiceClient::new(channel).export(request).await.map(drop);
        }
        // Of both tenants the same session and sequence; of what differs each time another.
        let (session, sequence) = match what {
            // Sequences of a session rise, so each number has a session.
            What::Twin(number) => ([number + 7; 16], 1),
            What::Own | What::Shared => (now_ms().to_be_bytes().repeat(2).try_into().unwrap_or([1; 16]), 1),
        };
        let mut batch = push::request(session, sequence, "agent", series);
        if matches!(what, What::Own) {
            let mut reference = |text: String| {
                batch.symbols.push(text);
                u32::try_from(batch.symbols.len() - 1).unwrap_or_default()
            };
            let name_ref = reference(series.first().map(Series::name).unwrap_or_default().to_owned());
            let help_ref = reference(format!("Of {} alone.", MARKS[tenant]));
            let r#type = metadata::Type::Counter.into();
            batch.metadata.push(Metadata { name_ref, r#type, help_ref, ..Metadata::default() });
        }
        let mut request = tonic::Request::new(batch);
        with(request.metadata_mut());
        IngestClient::new(channel).push(request).await.map(drop)
    }

    async fn step(&self, step: Step) -> anyhow::Result<()> {
        let Step { tenant, does } = step;
        let other = TENANTS[1 - tenant];
        match does {
            Do::Push(by, what) => {
                ensure!(self.push(tenant, by, what, None).await?, "its own push is refused");
                let mut pushed = self.pushed.lock().map_err(|_| anyhow::anyhow!("poisoned"))?;
                match what {
                    What::Twin(number) => _ = pushed.twins[tenant].insert((by, number)),
                    What::Own => {}
                    What::Shared => pushed.shared[tenant] = true,
                }
                Ok(())
            }
            Do::PushAs(by, what) => {
                ensure!(!self.push(tenant, by, what, Some(other)).await?, "a push as {other} is taken");
                Ok(())
            }
            Do::Ask(route, selector) => self.ask(tenant, route, selector).await.map(drop),
            Do::AskAs(route, selector) => {
                let path = self.path(tenant, route, selector);
                let url = format!("{}{path}", self.guarded.server.http_url());
                let request =
                    self.guarded.client.get(url).bearer_auth(&self.read[tenant]).header("X-Scope-OrgID", other);
                let status = request.send().await?.status();
                let is_open = path.starts_with("/metrics");
                ensure!(is_open || matches!(status.as_u16(), 401 | 403), "{path} as {other}: {status}");
                Ok(())
            }
        }
    }

    fn path(&self, tenant: usize, route: Route, selector: Selector) -> String {
        let selector = match selector {
            Selector::Pattern(text) => text.to_owned(),
            Selector::Foreign(text) => text.replace("MARK", MARKS[1 - tenant]),
        };
        let encoded = selector.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let now = self.now_ms() / 1_000;
        let long_ago = now - 20 * 86_400;
        match route {
            Route::Query => format!("/api/v1/query?query={encoded}&time={now}&explain=1"),
            Route::QueryRange => {
                format!("/api/v1/query_range?query={encoded}&start={}&end={}&step=15", now - 300, now + 60)
            }
            Route::LongAgo => {
                format!("/api/v1/query_range?query={encoded}&start={long_ago}&end={now}&step=3600")
            }
            Route::Series => format!("/api/v1/series?match[]={encoded}&start={long_ago}"),
            Route::Labels => format!("/api/v1/labels?match[]={encoded}&start={long_ago}"),
            Route::Values(name) => format!("/api/v1/label/{name}/values?match[]={encoded}&start={long_ago}"),
            Route::Plain(path) => path.to_owned(),
        }
    }

    /// Whether the answer holds something that is the tenant's own.
    async fn ask(&self, tenant: usize, route: Route, selector: Selector) -> anyhow::Result<bool> {
        let path = self.path(tenant, route, selector);
        let answer = self.guarded.ask(Method::GET, &path, Some(&self.read[tenant])).await?;
        let (status, text) = (answer.status(), answer.text().await?);
        let foreign = [MARKS[1 - tenant], TENANTS[1 - tenant]];
        // What was asked for may be repeated; what is found may not be there.
        let is_named = matches!(selector, Selector::Foreign(_)) || matches!(route, Route::Values(_));
        let names_tenants = path.starts_with("/metrics");
        if is_named && !matches!(route, Route::Plain(_) | Route::Values("job" | "__name__" | "instance")) {
            let found: Value = serde_json::from_str(&text).unwrap_or_default();
            let data = if found["data"]["result"].is_array() { &found["data"]["result"] } else { &found["data"] };
            let is_own = matches!(route, Route::Values(name) if name == MARKS[tenant]);
            let is_empty = data.as_array().is_none_or(Vec::is_empty);
            ensure!(
                is_own || is_empty || !foreign.iter().any(|mark| data.to_string().contains(mark)),
                "{path}: {text:.500}"
            );
        } else if !names_tenants {
            ensure!(!foreign.iter().any(|mark| text.contains(mark)), "{path}: {status}: {text:.500}");
        }
        Ok(text.contains(MARKS[tenant]))
    }

    async fn query(&self, tenant: usize, query: &str) -> anyhow::Result<Vec<(BTreeMap<String, String>, String)>> {
        let url = format!("{}/api/v1/query", self.guarded.server.http_url());
        let time = self.now_ms() as f64 / 1_000.0;
        let query = [("query", query), ("time", &format!("{time:.3}"))];
        let request = self.guarded.client.get(url).query(&query).bearer_auth(&self.read[tenant]);
        let answer: Value = serde_json::from_str(&request.send().await?.text().await?)?;
        let result = answer["data"]["result"].as_array().with_context(|| answer.to_string())?;
        let pair = |one: &Value| {
            let labels = serde_json::from_value(one["metric"].clone())?;
            Ok((labels, one["value"][1].as_str().unwrap_or_default().to_owned()))
        };
        result.iter().map(pair).collect()
    }

    /// Each has what it pushed, once, and nothing else.
    async fn has_its_own(&self, tenant: usize) -> anyhow::Result<()> {
        let (twins, shared) = {
            let pushed = self.pushed.lock().map_err(|_| anyhow::anyhow!("poisoned"))?;
            (pushed.twins[tenant].clone(), pushed.shared[tenant])
        };
        let expected: BTreeMap<(String, String), String> =
            twins.iter().map(|(by, number)| ((format!("{by:?}"), number.to_string()), TWINS.to_string())).collect();
        let label = |labels: &BTreeMap<String, String>, name: &str| labels.get(name).cloned().unwrap_or_default();
        let counted = self.query(tenant, "sum by (kind, number) (count_over_time(twin[1h]))").await?;
        let counted: BTreeMap<_, _> =
            counted.into_iter().map(|(of, count)| ((label(&of, "kind"), label(&of, "number")), count)).collect();
        ensure!(counted == expected, "{}: {counted:?}, not {expected:?}", TENANTS[tenant]);
        let value = own_value(tenant).to_string();
        for query in ["min_over_time(shared[1h])", "max_over_time(shared[1h])"] {
            let values: Vec<_> = self.query(tenant, query).await?.into_iter().map(|(_, value)| value).collect();
            ensure!(values == vec![value.clone(); usize::from(shared)], "{query} of {}: {values:?}", TENANTS[tenant]);
        }
        Ok(())
    }

    /// A stream of all there is, from before the first push.
    async fn stream(&self, tenant: usize) -> anyhow::Result<()> {
        let url = format!("{}/api/v1/stream", self.guarded.server.http_url());
        let begin = (self.begun_ms / 1_000 - 10).to_string();
        let query = [("query", "{__name__!=\"\"}"), ("start", &begin)];
        let mut response = self.guarded.client.get(url).query(&query).bearer_auth(&self.read[tenant]).send().await?;
        let mut text = String::new();
        while !text.contains(MARKS[tenant]) {
            let chunk = tokio::time::timeout(SEEN_LIMIT, response.chunk()).await??;
            text.push_str(&String::from_utf8_lossy(&chunk.context("the stream ended")?));
        }
        ensure!(!text.contains(MARKS[1 - tenant]), "a stream has the other's series: {text:.500}");
        Ok(())
    }
}

fn own_value(tenant: usize) -> f64 {
    [3.0, 5.0][tenant]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_neither_see_nor_change_what_is_of_another() -> anyhow::Result<()> {
    let site = Site::start(0, &[]).await?;
    site.begin().await?;
    site.both_see_their_own().await?;
    site.run(Phase::PushingAndAsking, CASES)?;
    site.every_answer_shows_its_own().await?;
    for tenant in 0..2 {
        eventually("it has what it pushed", SEEN_LIMIT, PAUSE, async || site.has_its_own(tenant).await.map(Some))
            .await?;
        site.stream(tenant).await?;
    }
    site.guarded.told_no_secret()
}
