//! The clients of docs/streams.md, as they stand there, follow a server through a kill -9.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, ensure};
use tidegate_testkit::skipped::Program;
use tidegate_testkit::{Series, Server, eventually, now_ms, push};

use crate::support::push_until_taken;

const STEP_SEC: i64 = 5;
const LIMIT: Duration = Duration::from_secs(90);
const QUERY: &str = "sum by (host) (count_over_time(followed[5m]))";

/// What runs a client, and what language its block in the page is in.
const CLIENTS: [(&str, Program); 3] = [
    ("js", Program { candidates: &["node"], install: "sudo apt-get install -y nodejs" }),
    ("python", Program { candidates: &["python3"], install: "sudo apt-get install -y python3" }),
    ("bash", Program { candidates: &["bash"], install: "sudo apt-get install -y bash curl" }),
];

struct Client {
    language: &'static str,
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Drop for Client {
    fn drop(&mut self) {
        // Both fail only when the process is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Client {
    fn start(language: &'static str, program: &Path, folder: &Path, url: &str) -> anyhow::Result<Self> {
        let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/streams.md"))?;
        let (_, block) = page.split_once(&format!("```{language}\n")).context("no such client in the page")?;
        let (code, _) = block.split_once("```").context("the block does not end")?;
        let file = folder.join(format!("client.{}", if language == "js" { "mjs" } else { language }));
        std::fs::write(&file, code)?;
        let mut child = Command::new(program).arg(&file).args([url, QUERY]).stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().context("no output")?;
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let sink = lines.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                sink.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        Ok(Self { language, child, lines })
    }

    /// Steps that had a point of the series, in the order in which they came.
    fn steps(&self) -> Vec<i64> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let step = |line: &String| match self.language {
            "bash" => {
                let data: serde_json::Value = serde_json::from_str(line).ok()?;
                let has_points = data["points"].as_array().is_some_and(|points| !points.is_empty());
                data["time"].as_i64().filter(|_| has_points)
            }
            _ => line.strip_prefix("step ").filter(|rest| rest.contains("a.example"))?.split(' ').next()?.parse().ok(),
        };
        lines.iter().filter_map(step).collect()
    }

    async fn until_it_has(&self, count: usize) -> anyhow::Result<()> {
        eventually(&format!("{} has {count} steps", self.language), LIMIT, Duration::from_millis(200), async || {
            let steps = self.steps();
            ensure!(steps.len() >= count, "it has {steps:?} of {:?}", self.lines);
            Ok(Some(()))
        })
        .await
    }
}

async fn push_one(agent: &mut push::Agent) -> anyhow::Result<()> {
    let series = [Series::new("followed", &[("host", "a.example")]).at(now_ms(), 1.0)];
    push_until_taken(agent, &series, LIMIT).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_clients_of_the_page_go_on_after_a_crash() -> anyhow::Result<()> {
    let mut server = Server::quiet().await?;
    let folder = tempfile::tempdir()?;
    let mut agent = push::Agent::new(&server.grpc_url(), [3; 16], "clients")?;
    push_one(&mut agent).await?;
    let mut clients = Vec::new();
    for (language, program) in CLIENTS {
        if let Some(path) = program.or_skip("the clients of docs/streams.md") {
            clients.push(Client::start(language, &path, folder.path(), &server.http_url())?);
        }
    }
    for client in &clients {
        client.until_it_has(2).await?;
    }
    server.kill9();
    tokio::time::sleep(Duration::from_secs(6)).await;
    server.start().await?;
    push_one(&mut agent).await?;
    let before: Vec<usize> = clients.iter().map(|client| client.steps().len()).collect();
    for (client, before) in clients.iter().zip(before) {
        client.until_it_has(before + 3).await?;
        let steps = client.steps();
        let no_gap = steps.windows(2).all(|two| two[1] - two[0] == STEP_SEC);
        ensure!(no_gap, "{}: {steps:?}", client.language);
    }
    Ok(())
}
