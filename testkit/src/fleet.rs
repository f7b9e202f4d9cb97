//! Tidegate's targets, each in a process of its own, on Kafka, Cassandra and S3 of `infra/stack`, in topics, a keyspace and a
//! bucket that nobody else uses.

use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, bail};
use tempfile::TempDir;

use crate::api::Api;
use crate::server::{follow, read};
use crate::{binary, ports, process, stack};

const READY_LIMIT: Duration = Duration::from_secs(120);

/// Dropping it kills the processes; topics, keyspace and bucket go with the stack.
pub struct Fleet {
    folder: TempDir,
    pub members: Vec<Member>,
    settings: Vec<String>,
    /// Topics and bucket have it too, with `-` for `_`.
    pub keyspace: String,
}

/// A process.
pub struct Member {
    pub target: &'static str,
    pub http_port: u16,
    pub grpc_port: u16,
    child: Child,
    output: Arc<Mutex<String>>,
}

impl Fleet {
    /// Makes tables and bucket. `settings` are `section.key=value` for every process. `None`, and the test is on the list of
    /// those that were skipped, without a stack.
    ///
    /// # Errors
    /// When `tidegate migrate` fails.
    pub fn prepare(test: &str, settings: &[(String, String)]) -> anyhow::Result<Option<Self>> {
        let (Some(kafka), Some(cassandra), Some(s3)) = (stack::kafka(test), stack::cassandra(test), stack::s3(test))
        else {
            return Ok(None);
        };
        let keyspace = stack::unique_name('_');
        let name = keyspace.replace('_', "-");
        let list = |items: &[String]| {
            format!("[{}]", items.iter().map(|item| format!("{item:?}")).collect::<Vec<_>>().join(", "))
        };
        let copies = |servers: usize| servers.min(3);
        let config = format!(
            "eventlog: {{kafka: {{brokers: {}, prefix: {name}-, replication: {}, min_insync_replicas: {}}}}}\n\
             store: {{cassandra: {{contact_points: {}, keyspace: {keyspace}, replication_factor: {}}}}}\n\
             archive: {{s3: {{endpoint: {:?}, bucket: {name}, access_key_id: {:?}, secret_access_key: {:?}}}}}\n\
             limits: {{requests_per_second: 1000000, samples_per_second: 1000000000}}\n",
            list(&kafka),
            copies(kafka.len()),
            copies(kafka.len()).div_ceil(2),
            list(&cassandra),
            copies(cassandra.len()),
            s3.endpoint,
            s3.access_key,
            s3.secret_key,
        );
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("config.yaml"), config)?;
        let settings = settings.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let this = Self { folder, members: Vec::new(), settings, keyspace };
        this.run("migrate", &[])?;
        Ok(Some(this))
    }

    /// Runs a command on the fleet's configuration to its end; gives its standard output.
    ///
    /// # Errors
    /// When it fails, with what it wrote.
    pub fn run(&self, command: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.command(command)?.args(arguments).stdin(Stdio::null()).output()?;
        if !output.status.success() {
            let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            bail!("tidegate {command}: {}\n{out}{err}", output.status);
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Starts one more process of a target and waits until it is ready. Gives its place in `members`.
    ///
    /// # Errors
    /// When it ends or is not ready in time, with what it wrote.
    pub async fn add(&mut self, target: &'static str) -> anyhow::Result<usize> {
        self.add_with(target, &[]).await
    }

    /// The same with settings that are its own, `section.key=value`.
    ///
    /// # Errors
    /// When it ends or is not ready in time, with what it wrote.
    pub async fn add_with(&mut self, target: &'static str, settings: &[&str]) -> anyhow::Result<usize> {
        let (http_port, grpc_port) = (ports::free_port()?, ports::free_port()?);
        let mut command = self.command(target)?;
        for setting in [format!("http.listen=127.0.0.1:{http_port}"), format!("grpc.listen=127.0.0.1:{grpc_port}")] {
            command.args(["--set", &setting]);
        }
        settings.iter().for_each(|setting| {
            command.args(["--set", setting]);
        });
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let output = Arc::default();
        if let Some(stdout) = child.stdout.take() {
            follow(stdout, &output);
        }
        if let Some(stderr) = child.stderr.take() {
            follow(stderr, &output);
        }
        self.members.push(Member { target, http_port, grpc_port, child, output });
        let index = self.members.len() - 1;
        self.members[index].wait_ready().await?;
        Ok(index)
    }

    /// The first process of a target.
    ///
    /// # Errors
    /// When there is none.
    pub fn first(&self, target: &str) -> anyhow::Result<&Member> {
        self.members.iter().find(|member| member.target == target).with_context(|| format!("there is no {target}"))
    }

    fn command(&self, command: &str) -> anyhow::Result<Command> {
        let mut program = Command::new(binary::tidegate()?);
        program.arg(command).arg("--config").arg(self.folder.path().join("config.yaml"));
        let data_dir = self.folder.path().join("data");
        program.arg("--data-dir").arg(data_dir);
        self.settings.iter().for_each(|setting| {
            program.args(["--set", setting]);
        });
        Ok(program)
    }
}

impl Member {
    pub fn api(&self) -> Api {
        Api::new(&format!("http://127.0.0.1:{}", self.http_port))
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL.
    pub fn kill9(&mut self) {
        process::kill9(&mut self.child);
    }

    /// The end of what it has written.
    pub fn output(&self) -> String {
        read(&self.output)
    }

    async fn wait_ready(&mut self) -> anyhow::Result<()> {
        let (api, output) = (self.api(), Arc::clone(&self.output));
        let told = || format!("it wrote:\n{}", read(&output));
        process::wait_ready(&mut self.child, &api, READY_LIMIT, self.target, told).await
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.members.iter_mut().for_each(Member::kill9);
    }
}
