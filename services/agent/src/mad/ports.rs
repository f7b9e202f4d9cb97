//! The ports that a daemon serves, as its configuration has them now.

use std::fmt;
use std::io;
use std::time::Duration;

use axum::Router;
use tidegate_runtime::server::{Limits, Protocol, Security, Server, ServerMetrics};
use tidegate_runtime::tls::Tls;
use tidegate_runtime::{TaskError, Tasks};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::feed::address;

/// Time for requests that are open when a port closes.
const DRAIN_SECONDS: u64 = 1;

/// One port; two that are equal are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    pub kind: Kind,
    pub host: String,
    pub port: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Http,
    Https,
    /// OTLP alone.
    Otlp,
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.kind {
            Kind::Http => "http",
            Kind::Https => "https",
            Kind::Otlp => "grpc",
        };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

pub struct Ports {
    open: Vec<(Port, Tasks)>,
    /// Those that could not be had, and why, as it was told.
    missing: Vec<(Port, String)>,
    metrics: ServerMetrics,
    failures: mpsc::Sender<TaskError>,
}

impl Ports {
    pub fn new(metrics: ServerMetrics, failures: mpsc::Sender<TaskError>) -> Self {
        Self { open: Vec::new(), missing: Vec::new(), metrics, failures }
    }

    /// Opens those that are not open, closes those not `wanted`. One that cannot
    /// be had is told of once and tried again at the next call: while a daemon
    /// takes the place of another, it is not free yet.
    pub async fn set(&mut self, wanted: &[Port], router: &Router, otlp: &Router, certificate: Option<&Tls>) {
        self.missing.retain(|(port, _)| wanted.contains(port));
        for port in wanted {
            if self.open.iter().any(|(open, _)| open == port) {
                continue;
            }
            let router = if port.kind == Kind::Otlp { otlp } else { router };
            match self.open(port, router.clone(), certificate).await {
                Ok(tasks) => {
                    tracing::info!(%port, "listening");
                    self.missing.retain(|(missing, _)| missing != port);
                    self.open.push((port.clone(), tasks));
                }
                Err(error) => self.miss(port, &error),
            }
        }
        let mut index = 0;
        while index < self.open.len() {
            if wanted.contains(&self.open[index].0) {
                index += 1;
                continue;
            }
            let (port, tasks) = self.open.remove(index);
            tracing::info!(%port, "closing");
            // It takes no more connections from now on, and those that are open end by themselves.
            tokio::spawn(stop(port, tasks));
        }
    }

    async fn open(&self, port: &Port, router: Router, certificate: Option<&Tls>) -> io::Result<Tasks> {
        let tls = match (port.kind, certificate) {
            (Kind::Https, Some(certificate)) => Some(certificate.clone()),
            (Kind::Https, None) => return Err(io::Error::other("there is no certificate")),
            (Kind::Http | Kind::Otlp, _) => None,
        };
        let listener = TcpListener::bind(address(&port.host, port.port)?).await?;
        let protocol = if port.kind == Kind::Otlp { Protocol::Grpc } else { Protocol::Either };
        let limits = Limits { drain_seconds: DRAIN_SECONDS, ..Limits::default() };
        let server = Server { listener, protocol, router, limits, metrics: self.metrics.clone() };
        let mut tasks = Tasks::new(self.failures.clone());
        let name = if tls.is_some() { "agent-https" } else { "agent-http" };
        tasks.spawn(name, |cancel| server.serve_with(Security { guard: None, tls }, cancel));
        Ok(tasks)
    }

    fn miss(&mut self, port: &Port, error: &io::Error) {
        let why = error.to_string();
        if self.missing.iter().any(|(missing, told)| missing == port && *told == why) {
            return;
        }
        tracing::error!(%port, error = why, "cannot listen, and is tried again");
        self.missing.retain(|(missing, _)| missing != port);
        self.missing.push((port.clone(), why));
    }

    /// Closes all.
    pub async fn close(self) {
        let closing: Vec<_> = self.open.into_iter().map(|(port, tasks)| tokio::spawn(stop(port, tasks))).collect();
        for closed in closing {
            closed.await.ok();
        }
    }
}

async fn stop(port: Port, tasks: Tasks) {
    if let Err(error) = tasks.stop(Duration::from_secs(DRAIN_SECONDS + 1)).await {
        tracing::warn!(%port, %error, "did not close in time");
    }
}
