//! One process of Tidegate: its folder, its ports, its configuration, its life and death.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tidegate_testkit::{Api, binary, ports, process};

/// On a machine that is busy with several servers beside this.
const READY_LIMIT: Duration = Duration::from_secs(120);
const STOP_LIMIT: Duration = Duration::from_secs(90);

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    All,
    Gateway,
    Rollup,
    Compactor,
    Query,
}

impl Target {
    pub fn name(self) -> &'static str {
        match self {
            Target::All => "all",
            Target::Gateway => "gateway",
            Target::Rollup => "rollup",
            Target::Compactor => "compactor",
            Target::Query => "query",
        }
    }

    /// Whether a process of this target also does the work of the other.
    pub fn includes(self, other: Target) -> bool {
        self == other || self == Target::All
    }
}

/// Dropping it kills the process.
pub struct Node {
    pub name: String,
    pub target: Target,
    folder: PathBuf,
    http_port: u16,
    grpc_port: u16,
    /// Instead of the one under test.
    program: Option<PathBuf>,
    child: Option<Child>,
}

impl Node {
    /// Chooses ports, makes the folder and writes the configuration: `settings` and what is this process's own.
    pub fn prepare(folder: &Path, target: Target, number: usize, settings: &str) -> anyhow::Result<Self> {
        let name = format!("{}-{number}", target.name());
        let folder = folder.join(&name);
        std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        let (http_port, grpc_port) = (ports::free_port()?, ports::free_port()?);
        let data_dir = serde_json::to_string(&folder.join("data"))?;
        let own = format!(
            "data_dir: {data_dir}\nhttp: {{listen: \"127.0.0.1:{http_port}\"}}\n\
             grpc: {{listen: \"127.0.0.1:{grpc_port}\"}}\n"
        );
        std::fs::write(folder.join("config.yaml"), own + settings)?;
        Ok(Self { name, target, folder, http_port, grpc_port, program: None, child: None })
    }

    /// What the next start runs: this program, or the one under test.
    pub fn use_program(&mut self, program: Option<&Path>) {
        self.program = program.map(Path::to_owned);
    }

    /// Starts the process; it aborts at the failpoint if one is given.
    pub fn spawn(&mut self, failpoint: Option<&str>) -> anyhow::Result<()> {
        self.kill9();
        let program = match &self.program {
            Some(program) => program,
            None => binary::tidegate()?,
        };
        let mut command = Command::new(program);
        command.arg(self.target.name()).arg("--config").arg(self.config_path());
        command.env_remove("TIDEGATE_FAILPOINT");
        if let Some(failpoint) = failpoint {
            command.env("TIDEGATE_FAILPOINT", failpoint);
        }
        let output = self.open_output()?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        self.child = Some(command.spawn().with_context(|| format!("starting {}", program.display()))?);
        Ok(())
    }

    pub async fn wait_ready(&mut self) -> anyhow::Result<()> {
        let (api, output) = (self.api(), self.output_path());
        let told = || format!("see {}", output.display());
        let name = self.name.clone();
        process::wait_ready(self.running()?, &api, READY_LIMIT, &name, told).await
    }

    pub async fn start(&mut self, failpoint: Option<&str>) -> anyhow::Result<()> {
        self.spawn(failpoint)?;
        self.wait_ready().await
    }

    /// SIGKILL, at once. Nothing happens when it is not running.
    pub fn kill9(&mut self) {
        if let Some(mut child) = self.child.take() {
            process::kill9(&mut child);
        }
    }

    /// SIGSTOP: the process stands still and does not know it.
    pub fn freeze(&self) -> anyhow::Result<()> {
        self.signal(Signal::STOP)
    }

    /// SIGCONT.
    pub fn thaw(&self) -> anyhow::Result<()> {
        self.signal(Signal::CONT)
    }

    /// SIGTERM, then the exit status; killed, and an error, when it takes too long.
    pub async fn terminate(&mut self) -> anyhow::Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        self.wait_exit(STOP_LIMIT).await
    }

    /// Waits until the process ends by itself; killed, and an error, after `limit`.
    pub async fn wait_exit(&mut self, limit: Duration) -> anyhow::Result<ExitStatus> {
        if let Some(status) = process::wait_exit(self.running()?, limit).await? {
            self.child = None;
            return Ok(status);
        }
        self.kill9();
        bail!("{} did not end within {limit:?}; see {}", self.name, self.output_path().display())
    }

    pub fn is_running(&mut self) -> bool {
        self.child.is_some() && matches!(self.exited(), Ok(None))
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let child = self.child.as_ref().with_context(|| format!("{} is not running", self.name))?;
        Ok(kill_process(Pid::from_child(child), signal)?)
    }

    /// How it ended, if it did.
    pub fn exited(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.running()?.try_wait()?)
    }

    fn running(&mut self) -> anyhow::Result<&mut Child> {
        self.child.as_mut().with_context(|| format!("{} is not running", self.name))
    }

    pub fn http_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.http_port)
    }

    pub fn grpc_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.grpc_port)
    }

    pub fn api(&self) -> Api {
        Api::new(&self.http_url())
    }

    pub fn data_dir(&self) -> PathBuf {
        self.folder.join("data")
    }

    pub fn config_path(&self) -> PathBuf {
        self.folder.join("config.yaml")
    }

    /// What it writes to standard output and error, all starts together.
    pub fn output_path(&self) -> PathBuf {
        self.folder.join("output.log")
    }

    /// How often it has written a line with this text.
    pub fn told(&self, text: &str) -> usize {
        let output = std::fs::read(self.output_path()).unwrap_or_default();
        String::from_utf8_lossy(&output).lines().filter(|line| line.contains(text)).count()
    }

    /// The sum of a metric over its labels, of this start alone.
    pub async fn metric(&self, name: &str) -> anyhow::Result<f64> {
        let (status, text) = self.api().get("/metrics").await?;
        ensure!(status == 200, "{}: metrics: {status}", self.name);
        let of_it = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{']));
        let values = text.lines().filter(of_it).map(|line| line.rsplit(' ').next().unwrap_or_default());
        values.map(|value| Ok(value.parse::<f64>()?)).sum()
    }

    fn open_output(&self) -> anyhow::Result<File> {
        Ok(OpenOptions::new().create(true).append(true).open(self.output_path())?)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill9();
    }
}
