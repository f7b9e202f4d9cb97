//! A `tidegate all` as a child process, on free ports and a data folder of its own.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, bail};
use tempfile::TempDir;

use crate::{Api, binary, ports, process};

const READY_LIMIT: Duration = Duration::from_secs(120);
const STOP_LIMIT: Duration = Duration::from_secs(60);
/// Of a process's output only the end is kept.
const OUTPUT_LIMIT_BYTES: usize = 1 << 20;

/// How to start a server.
#[derive(Clone, Debug, Default)]
pub struct Options {
    settings: Vec<(String, String)>,
    data_dir: Option<PathBuf>,
    wrapper: Vec<String>,
}

impl Options {
    /// Sets a configuration key.
    #[must_use]
    pub fn set(mut self, key: &str, value: impl ToString) -> Self {
        self.settings.push((key.to_owned(), value.to_string()));
        self
    }

    /// Uses this folder, and leaves it there at the end.
    #[must_use]
    pub fn data_dir(mut self, path: &Path) -> Self {
        self.data_dir = Some(path.to_owned());
        self
    }

    /// Starts the program through another that replaces itself with it, such as `nsenter`.
    #[must_use]
    pub fn through(mut self, wrapper: &[&str]) -> Self {
        self.wrapper = wrapper.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// Starts a server and waits until it is ready.
    pub async fn start(self) -> anyhow::Result<Server> {
        let mut server = self.prepare()?;
        server.start().await?;
        Ok(server)
    }

    /// Chooses ports and folder, starts nothing.
    pub fn prepare(self) -> anyhow::Result<Server> {
        let temporary = if self.data_dir.is_some() { None } else { Some(tempfile::tempdir()?) };
        let data_dir = match (&self.data_dir, &temporary) {
            (Some(path), _) => path.clone(),
            (None, Some(folder)) => folder.path().join("data"),
            (None, None) => bail!("no data folder"),
        };
        Ok(Server {
            http_port: ports::free_port()?,
            grpc_port: ports::free_port()?,
            options: self,
            data_dir,
            child: None,
            output: Arc::default(),
            readers: Vec::new(),
            _temporary: temporary,
        })
    }
}

/// A server, running or stopped. Dropping it kills the process.
pub struct Server {
    options: Options,
    data_dir: PathBuf,
    http_port: u16,
    grpc_port: u16,
    child: Option<Child>,
    output: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
    _temporary: Option<TempDir>,
}

impl Server {
    /// A server of default settings that does not read this host.
    pub async fn quiet() -> anyhow::Result<Self> {
        Self::quiet_options().start().await
    }

    /// Settings under which nothing arrives but what a test pushes, and no limit is in its way.
    pub fn quiet_options() -> Options {
        Options::default()
            .set("agent.enabled", false)
            .set("limits.requests_per_second", 1_000_000)
            .set("limits.samples_per_second", 1_000_000_000)
    }

    /// Starts the process and waits until it is ready.
    pub async fn start(&mut self) -> anyhow::Result<()> {
        self.spawn()?;
        let (api, output) = (self.api(), Arc::clone(&self.output));
        let told = || format!("it wrote:\n{}", read(&output));
        process::wait_ready(self.running()?, &api, READY_LIMIT, "tidegate", told).await
    }

    /// Starts the process only.
    pub fn spawn(&mut self) -> anyhow::Result<()> {
        self.kill9();
        let program = binary::tidegate()?;
        let mut command = match self.options.wrapper.split_first() {
            Some((wrapper, arguments)) => {
                let mut command = Command::new(wrapper);
                command.args(arguments).arg(program);
                command
            }
            None => Command::new(program),
        };
        command.args(self.arguments()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("starting {}", program.display()))?;
        if let Some(stdout) = child.stdout.take() {
            self.readers.push(follow(stdout, &self.output));
        }
        if let Some(stderr) = child.stderr.take() {
            self.readers.push(follow(stderr, &self.output));
        }
        self.child = Some(child);
        Ok(())
    }

    fn arguments(&self) -> Vec<String> {
        let mut arguments = vec!["all".to_owned(), "--data-dir".to_owned(), self.data_dir.display().to_string()];
        let listen = [("http.listen", self.http_port), ("grpc.listen", self.grpc_port)];
        let listen = listen.map(|(key, port)| format!("{key}=127.0.0.1:{port}"));
        let settings = self.options.settings.iter().map(|(key, value)| format!("{key}={value}"));
        for setting in listen.into_iter().chain(settings) {
            arguments.extend(["--set".to_owned(), setting]);
        }
        arguments
    }

    /// SIGKILL, at once. Nothing happens when it is not running.
    pub fn kill9(&mut self) {
        if let Some(mut child) = self.child.take() {
            process::kill9(&mut child);
        }
    }

    /// SIGTERM, then the exit status; killed, and an error, after a minute.
    pub async fn terminate(&mut self) -> anyhow::Result<ExitStatus> {
        let child = self.child.as_ref().context("not running")?;
        let pid = rustix::process::Pid::from_child(child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        self.wait_exit(STOP_LIMIT).await
    }

    /// Waits until the process ends by itself, and all it wrote is read; killed, and an error, after `limit`.
    pub async fn wait_exit(&mut self, limit: Duration) -> anyhow::Result<ExitStatus> {
        if let Some(status) = process::wait_exit(self.running()?, limit).await? {
            self.child = None;
            for reader in self.readers.drain(..) {
                // One that panicked has told so itself.
                let _ = reader.join();
            }
            return Ok(status);
        }
        self.kill9();
        bail!("tidegate did not end within {limit:?}:\n{}", self.output())
    }

    fn running(&mut self) -> anyhow::Result<&mut Child> {
        self.child.as_mut().context("not running")
    }

    /// Changes a setting for the next start.
    pub fn set(&mut self, key: &str, value: impl ToString) {
        self.options.settings.push((key.to_owned(), value.to_string()));
    }

    /// Runs `tidegate verify` on this server's data folder, whether the server is running or not.
    pub fn verify(&self) -> anyhow::Result<Verified> {
        let program = binary::tidegate()?;
        let mut command = Command::new(program);
        command.args(["verify", "--json", "--data-dir"]).arg(&self.data_dir).stdin(Stdio::null());
        let output = command.output().with_context(|| format!("{} verify", program.display()))?;
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let (json, errors) = (text(&output.stdout), text(&output.stderr));
        let report = serde_json::from_str(&json).with_context(|| format!("{}: {json}{errors}", output.status))?;
        Ok(Verified { holds: output.status.success(), report })
    }

    /// The HTTP API's address, without a slash at the end.
    pub fn http_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.http_port)
    }

    /// The gRPC address.
    pub fn grpc_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.grpc_port)
    }

    pub fn http_port(&self) -> u16 {
        self.http_port
    }

    pub fn grpc_port(&self) -> u16 {
        self.grpc_port
    }

    /// A client of its HTTP API.
    pub fn api(&self) -> Api {
        Api::new(&self.http_url())
    }

    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// The process id while it is running.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// The end of what it has written to standard output and error, all starts together.
    pub fn output(&self) -> String {
        read(&self.output)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill9();
    }
}

/// What `tidegate verify` found.
#[derive(Debug)]
pub struct Verified {
    /// Its exit status says that all is as it should be.
    pub holds: bool,
    /// The whole report.
    pub report: serde_json::Value,
}

impl Verified {
    /// The sum of a column over all lines, such as `counted`.
    pub fn total(&self, column: &str) -> u64 {
        self.report["lines"].as_array().into_iter().flatten().filter_map(|line| line[column].as_u64()).sum()
    }
}

/// What has been copied so far.
pub(crate) fn read(output: &Mutex<String>) -> String {
    output.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Copies lines to `output` until the stream ends, which it does with the process.
pub(crate) fn follow(stream: impl Read + Send + 'static, output: &Arc<Mutex<String>>) -> JoinHandle<()> {
    let output = Arc::clone(output);
    std::thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        while matches!(reader.read_until(b'\n', &mut line), Ok(1..)) {
            let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
            output.push_str(&String::from_utf8_lossy(&line));
            if output.len() > 2 * OUTPUT_LIMIT_BYTES {
                let cut = output.ceil_char_boundary(output.len() - OUTPUT_LIMIT_BYTES);
                output.drain(..cut);
            }
            line.clear();
        }
    })
}
