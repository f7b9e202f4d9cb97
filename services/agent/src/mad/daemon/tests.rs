use super::*;
use crate::mad;
use tidegate_runtime::server::ServerMetrics;
use tidegate_testkit::ports;

/// What a changed file may take to count.
const LIMIT: Duration = Duration::from_secs(1);
const V2: &str = "/metrics/v2/application";
const V3: &str = "/metrics/v3/application";

fn files(folder: &Path) -> Options {
    fs::create_dir(folder.join("pipelines")).unwrap();
    let port = || ports::free_port().unwrap();
    let text = format!(
        "pipelinesDirectory = {0:?}, logDirectory = {0:?}, httpHost = localhost, httpPort = {1}\n\
         httpsHost = localhost, httpsPort = {2}, monitoringCluster = c, monitoringSinks = []\n",
        folder.join("pipelines"),
        port(),
        port()
    );
    fs::write(folder.join("config.conf"), text).unwrap();
    Options {
        file: folder.join("config.conf"),
        environment: HashMap::new(),
        version: "1",
        metrics: mad::Metrics::register(&mut Registry::default(), ServerMetrics::default()),
        page: None,
        topics: None,
    }
}

fn pipeline(sources: &[u8]) -> String {
    let source = |version| {
        let class = format!("com.arpnetworking.metrics.common.sources.ClientHttpSourceV{version}");
        format!("{{ type = {class}, name = v{version} }}")
    };
    format!("name = one, sources = [{}]", sources.iter().map(source).collect::<Vec<_>>().join(", "))
}

/// Looks as often as the daemon does in that time.
async fn within_the_limit(daemon: &mut Daemon, what: &str, so: impl Fn(&Daemon) -> bool) {
    assert!(!so(daemon), "{what} before the change");
    let mut looks = 0;
    while !so(daemon) {
        // It may change right after a look, and the last one takes some time, too.
        looks += 1;
        assert!(LOOK * looks <= LIMIT / 2, "not within {LIMIT:?}: {what}");
        daemon.look().await;
    }
}

#[tokio::test]
async fn a_changed_file_counts_within_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let options = files(folder.path());
    let config = options.file.clone();
    let pipeline_file = folder.path().join("pipelines/one.conf");
    let takes = |daemon: &Daemon, path: &str| daemon.routes.table().sources.contains_key(path);
    let mut daemon = begin(options, mpsc::channel(1).0).await.unwrap();

    fs::write(&pipeline_file, pipeline(&[3])).unwrap();
    within_the_limit(&mut daemon, "a new pipeline runs", |daemon| takes(daemon, V3)).await;
    fs::write(&pipeline_file, pipeline(&[2, 3])).unwrap();
    within_the_limit(&mut daemon, "a changed one does", |daemon| takes(daemon, V2)).await;
    fs::write(&pipeline_file, "name = one, sources = [").unwrap();
    let rejected = |daemon: &Daemon| daemon.options.metrics.rejected_files.get() == 1;
    within_the_limit(&mut daemon, "what cannot be used is told", rejected).await;
    assert!(takes(&daemon, V2), "and the old one stays");

    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{text}httpHealthCheckPath = /healthy")).unwrap();
    let healthy = |daemon: &Daemon| daemon.routes.table().health_path == "/healthy";
    within_the_limit(&mut daemon, "the daemon's own file counts", healthy).await;
    fs::remove_file(&pipeline_file).unwrap();
    within_the_limit(&mut daemon, "a pipeline without its file ends", |daemon| !takes(daemon, V2)).await;
    daemon.stop().await;
}
