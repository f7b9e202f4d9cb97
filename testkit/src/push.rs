//! The native push protocol, as an agent speaks it.

use std::collections::HashMap;

use tidegate_proto::v1::ingest_client::IngestClient;
use tidegate_proto::v1::{self, PushRequest, PushResponse};
use tonic::transport::Channel;

use crate::Series;

/// Builds a request; the symbols are in order of first use.
pub fn request(session: [u8; 16], sequence: u64, agent_id: &str, series: &[Series]) -> PushRequest {
    let mut symbols = vec![String::new()];
    let mut refs: HashMap<&str, u32> = HashMap::new();
    let series = series
        .iter()
        .map(|one| {
            let texts = one.labels.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]);
            let label_refs = texts.map(|text| {
                *refs.entry(text).or_insert_with(|| {
                    symbols.push(text.to_owned());
                    u32::try_from(symbols.len() - 1).unwrap_or(u32::MAX)
                })
            });
            v1::Series {
                label_refs: label_refs.collect(),
                samples: one.samples.iter().map(|&(timestamp_ms, value)| v1::Sample { timestamp_ms, value }).collect(),
                ..v1::Series::default()
            }
        })
        .collect();
    PushRequest {
        session: session.to_vec().into(),
        sequence,
        agent_id: agent_id.to_owned(),
        symbols,
        series,
        metadata: Vec::new(),
    }
}

/// A connection of an agent, with its session and the sequence it has reached.
pub struct Agent {
    client: IngestClient<Channel>,
    session: [u8; 16],
    sequence: u64,
    agent_id: String,
}

impl Agent {
    /// Connects when first used, so the server may be down.
    pub fn new(grpc_url: &str, session: [u8; 16], agent_id: &str) -> anyhow::Result<Self> {
        let channel = Channel::from_shared(grpc_url.to_owned())?
            .connect_timeout(std::time::Duration::from_secs(10))
            .timeout(std::time::Duration::from_secs(30))
            .connect_lazy();
        Ok(Self { client: IngestClient::new(channel), session, sequence: 0, agent_id: agent_id.to_owned() })
    }

    /// The next batch of the session. Send it until it is answered.
    pub fn batch(&mut self, series: &[Series]) -> PushRequest {
        self.sequence += 1;
        request(self.session, self.sequence, &self.agent_id, series)
    }

    /// Sends a batch once.
    pub async fn send(&mut self, batch: PushRequest) -> Result<PushResponse, tonic::Status> {
        self.client.push(batch).await.map(tonic::Response::into_inner)
    }

    /// Makes and sends the next batch.
    pub async fn push(&mut self, series: &[Series]) -> Result<PushResponse, tonic::Status> {
        let batch = self.batch(series);
        self.send(batch).await
    }
}
