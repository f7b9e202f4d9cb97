//! A Tidegate in one process or in several, and where its ports are.

use anyhow::Context;
use tidegate_testkit::{Api, Fleet, Options, Server};

use crate::process;

/// Dropping it ends the processes.
pub struct Site {
    pub gateway_http: u16,
    pub gateway_grpc: u16,
    pub query_http: u16,
    pub processes: Vec<Process>,
    _running: Running,
}

pub struct Process {
    pub target: String,
    pub pid: u32,
}

enum Running {
    One { _server: Box<Server> },
    Fleet { _fleet: Box<Fleet> },
}

impl Site {
    pub async fn start(fleet: bool, settings: &[(String, String)]) -> anyhow::Result<Self> {
        if fleet { Self::fleet(settings).await } else { Self::one(settings).await }
    }

    async fn one(settings: &[(String, String)]) -> anyhow::Result<Self> {
        let options = Server::quiet_options();
        let options = settings.iter().fold(options, |options: Options, (key, value)| options.set(key, value));
        let server = options.start().await?;
        let pid = server.pid().context("tidegate has ended")?;
        Ok(Self {
            gateway_http: server.http_port(),
            gateway_grpc: server.grpc_port(),
            query_http: server.http_port(),
            processes: vec![Process { target: "all".to_owned(), pid }],
            _running: Running::One { _server: Box::new(server) },
        })
    }

    async fn fleet(settings: &[(String, String)]) -> anyhow::Result<Self> {
        let fleet = Fleet::prepare("bounds of a fleet", settings)?;
        let mut fleet = fleet.context("there is no stack: infra/stack/with runs a command with it")?;
        for target in ["gateway", "rollup", "compactor", "query"] {
            fleet.add(target).await?;
        }
        let (gateway, query) = (fleet.first("gateway")?, fleet.first("query")?);
        Ok(Self {
            gateway_http: gateway.http_port,
            gateway_grpc: gateway.grpc_port,
            query_http: query.http_port,
            processes: fleet
                .members
                .iter()
                .map(|member| Process { target: member.target.to_owned(), pid: member.pid() })
                .collect(),
            _running: Running::Fleet { _fleet: Box::new(fleet) },
        })
    }

    pub fn resident_bytes(&self) -> anyhow::Result<Vec<u64>> {
        self.processes.iter().map(|process| process::resident_bytes(process.pid)).collect()
    }

    pub fn forget_peaks(&self) -> anyhow::Result<()> {
        self.processes.iter().try_for_each(|process| process::forget_peak(process.pid))
    }

    /// The sum of a metric of the process behind this port, over those lines that contain `label`.
    pub async fn metric(port: u16, name: &str, label: &str) -> anyhow::Result<f64> {
        let (_, text) = Api::new(&format!("http://127.0.0.1:{port}")).get("/metrics").await?;
        let of_name = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{']));
        let lines = text.lines().filter(of_name).filter(|line| line.contains(label));
        Ok(lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum())
    }
}
