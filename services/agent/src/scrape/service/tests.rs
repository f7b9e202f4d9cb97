use std::io::{Read, Write};
use std::net::TcpListener;

use tidegate_proto::v1::PushRequest;

use super::*;
use crate::outbox::{self, Outbox};
use crate::scrape::batch::ScrapeBatches;
use crate::scrape::config::Job;
use crate::scrape::destination::ToGateway;
use crate::scrape::series::STALE;
use crate::test_gateway::Gateway;
use crate::{BufferConfig, PushConfig};

/// Serves what it is told to, one page after the other, the last one for ever.
fn serve(answers: Vec<String>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for (at, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4_096];
            let length = stream.read(&mut request).unwrap();
            let request = String::from_utf8_lossy(&request[..length]).to_lowercase();
            assert!(
                request.starts_with("get /metrics http/1.1\r\n") && request.contains("openmetrics-text"),
                "{request}"
            );
            stream.write_all(answers[at.min(answers.len() - 1)].as_bytes()).ok();
        }
    });
    address
}

fn page(text: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{text}", text.len())
}

struct Running {
    gateway: Gateway,
    tasks: Tasks,
    _folder: tempfile::TempDir,
}

async fn run(config: Config) -> Running {
    let gateway = Gateway::start([]).await;
    let folder = tempfile::tempdir().unwrap();
    let metrics = outbox::Metrics::default();
    let outbox = Outbox::open(folder.path().into(), &BufferConfig::default(), metrics, None).await.unwrap();
    let push = PushConfig { endpoint: gateway.endpoint(), ..PushConfig::default() };
    let sender = outbox::Sender::new(outbox.clone(), &push).unwrap();
    let labels = [("region".to_owned(), "r".to_owned())].into();
    let destination = ToGateway::new(ScrapeBatches::new([7; 16], "agent".into(), labels), outbox);
    let mut tasks = Tasks::detached();
    start(&config, destination, &mut Registry::default(), &mut tasks).unwrap();
    tasks.spawn("send", |cancel| sender.run(cancel));
    Running { gateway, tasks, _folder: folder }
}

fn job(job: Job) -> Config {
    let job = Job { name: "j".into(), ..job };
    let base = Config { interval_seconds: 1, timeout_seconds: 1, discovery_interval_seconds: 1, ..Config::default() };
    Config { jobs: vec![job], ..base }
}

/// Names with values, and labels but for those that all have.
fn told(request: &PushRequest) -> Vec<(String, f64)> {
    let text = |at: u32| request.symbols[at as usize].as_str();
    let one = |series: &tidegate_proto::v1::Series| {
        let pairs: Vec<(&str, &str)> = series.label_refs.chunks(2).map(|pair| (text(pair[0]), text(pair[1]))).collect();
        assert!(pairs.contains(&("job", "j")) && pairs.contains(&("region", "r")), "{pairs:?}");
        let name = pairs.iter().find(|(name, _)| *name == "__name__").unwrap().1;
        (name.to_owned(), series.samples[0].value)
    };
    request.series.iter().map(one).collect()
}

fn value(told: &[(String, f64)], name: &str) -> Option<f64> {
    told.iter().find(|(own, _)| own == name).map(|(_, value)| *value)
}

#[tokio::test]
async fn pages_are_pushed_with_up_and_series_end() {
    let first = "# TYPE a counter\n# HELP a Help.\na_total{x=\"1\"} 5\nb 1\n# EOF\n";
    let address = serve(vec![
        page(first),
        page("a_total{x=\"1\"} 6\n"),
        "HTTP/1.1 500 No\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".into(),
    ]);
    let running = run(job(Job { targets: vec![address], ..Job::default() })).await;
    let received = running.gateway.wait_for(3).await;
    let requests: Vec<PushRequest> = received.iter().map(|received| received.request()).collect();
    assert_eq!(requests.iter().map(|request| request.sequence).collect::<Vec<_>>(), [1, 2, 3]);
    let (one, two, three) = (told(&requests[0]), told(&requests[1]), told(&requests[2]));
    assert_eq!((value(&one, "a_total"), value(&one, "up")), (Some(5.0), Some(1.0)));
    assert_eq!(value(&one, "scrape_samples_scraped"), Some(2.0));
    assert!(value(&one, "scrape_duration_seconds").unwrap() > 0.0);
    assert_eq!(requests[0].metadata.len(), 1, "of the one family that the page describes");
    assert_eq!(value(&two, "a_total"), Some(6.0));
    assert_eq!(value(&two, "b").map(f64::to_bits), Some(STALE.to_bits()));
    assert_eq!(value(&three, "up"), Some(0.0));
    assert_eq!(value(&three, "a_total").map(f64::to_bits), Some(STALE.to_bits()));
    running.tasks.stop(Duration::from_secs(60)).await.unwrap();
}

#[tokio::test]
async fn targets_come_and_go_with_their_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("targets.json");
    let address = serve(vec![page("a 1\n")]);
    std::fs::write(&file, format!(r#"[{{"targets":["{address}"],"labels":{{"from":"file"}}}}]"#)).unwrap();
    let running = run(job(Job { target_files: vec![file.clone()], ..Job::default() })).await;
    running.gateway.wait_for(1).await;
    std::fs::write(&file, "[]").unwrap();
    let is_gone = |request: &PushRequest| value(&told(request), "up").is_some_and(|up| up.to_bits() == STALE.to_bits());
    let mut count = 1;
    loop {
        let received = running.gateway.wait_for(count).await;
        let last = received.last().unwrap().request();
        assert!(last.symbols.iter().any(|symbol| symbol == "file"));
        if is_gone(&last) {
            assert_eq!(value(&told(&last), "a").map(f64::to_bits), Some(STALE.to_bits()));
            break;
        }
        count = received.len() + 1;
    }
    running.tasks.stop(Duration::from_secs(60)).await.unwrap();
}

#[tokio::test]
async fn pages_that_are_too_large_or_wrong_or_late_are_failures() {
    let large = page(&"a 1\n".repeat(1_000));
    let answers = vec![large, page("a"), page("a \u{0}"), "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\na 1\n".into()];
    let count = answers.len();
    let address = serve(answers);
    let config = Config { max_page_bytes: 2_000, ..job(Job { targets: vec![address], ..Job::default() }) };
    let running = run(config).await;
    for received in running.gateway.wait_for(count).await {
        assert_eq!(value(&told(&received.request()), "up"), Some(0.0));
    }
    running.tasks.stop(Duration::from_secs(60)).await.unwrap();
}

#[test]
fn targets_are_spread_over_the_interval() {
    let interval = Duration::from_secs(10);
    let offsets: HashSet<u64> =
        (0..50).map(|n| offset(&Target { labels: BTreeMap::new(), url: n.to_string() }, interval).as_secs()).collect();
    assert!(offsets.len() >= 8, "{offsets:?}");
    assert!(offsets.iter().all(|seconds| *seconds < 10));
}
