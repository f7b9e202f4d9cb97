//! A Tidegate in one process or in several, and where its ports are.

use std::time::Duration;

use anyhow::{Context, bail};
use tidegate_testkit::{Api, Fleet, Options, Server, eventually};

use super::Plan;
use super::tls::{Certificates, Speaks, Tunnel};
use crate::process;

const READY_LIMIT: Duration = Duration::from_secs(60);

/// Dropping it ends the processes.
pub struct Site {
    /// These speak in the clear, through a tunnel where the server wants TLS.
    pub gateway_http: u16,
    pub gateway_grpc: u16,
    pub query_http: u16,
    pub processes: Vec<Process>,
    /// Where the server wants TLS.
    pub secured: Option<Secured>,
    _running: Running,
}

/// The server's own ports.
pub struct Secured {
    pub certificates: Certificates,
    pub http: u16,
    pub grpc: u16,
    _tunnels: [Tunnel; 2],
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
    pub async fn start(plan: &Plan) -> anyhow::Result<Self> {
        match (plan.fleet, plan.tls) {
            (false, false) => Self::one(&plan.settings).await,
            (false, true) => Self::one_secured(&plan.settings).await,
            (true, false) => Self::fleet(&plan.settings).await,
            (true, true) => bail!("--tls is of one process"),
        }
    }

    async fn one_secured(settings: &[(String, String)]) -> anyhow::Result<Self> {
        let certificates = Certificates::new()?;
        let files = certificates.settings();
        let options = files.iter().fold(options(settings), |options, (key, path)| options.set(key, path.display()));
        let mut server = options.prepare()?;
        server.spawn()?;
        let (http, grpc) = (server.http_port(), server.grpc_port());
        let to_http = Tunnel::open(certificates.connector(Speaks::Http1)?, http).await?;
        let to_grpc = Tunnel::open(certificates.connector(Speaks::Http2)?, grpc).await?;
        let api = Api::new(&format!("http://127.0.0.1:{}", to_http.port));
        let ready = eventually("tidegate is ready", READY_LIMIT, Duration::from_millis(50), async || {
            Ok(api.ready().await.then_some(()))
        });
        ready.await.with_context(|| server.output())?;
        let pid = server.pid().context("tidegate has ended")?;
        Ok(Self {
            gateway_http: to_http.port,
            gateway_grpc: to_grpc.port,
            query_http: to_http.port,
            processes: vec![Process { target: "all".to_owned(), pid }],
            secured: Some(Secured { certificates, http, grpc, _tunnels: [to_http, to_grpc] }),
            _running: Running::One { _server: Box::new(server) },
        })
    }

    async fn one(settings: &[(String, String)]) -> anyhow::Result<Self> {
        let server = options(settings).start().await?;
        let pid = server.pid().context("tidegate has ended")?;
        Ok(Self {
            gateway_http: server.http_port(),
            gateway_grpc: server.grpc_port(),
            query_http: server.http_port(),
            processes: vec![Process { target: "all".to_owned(), pid }],
            secured: None,
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
            secured: None,
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

fn options(settings: &[(String, String)]) -> Options {
    settings.iter().fold(Server::quiet_options(), |options, (key, value)| options.set(key, value))
}
