//! The push requests of one session.

use bytes::Bytes;
use prost::Message;
use tidegate_proto::v1::{Metadata, PushRequest, Series};

use crate::symbols::Symbols;

/// Numbers its requests from 1. A gateway knows a batch by session and number.
pub struct Session {
    id: [u8; 16],
    sequence: u64,
    agent_id: String,
}

impl Session {
    pub fn new(id: [u8; 16], agent_id: String) -> Self {
        Self { id, sequence: 0, agent_id }
    }

    /// The number of the next request.
    pub fn next_sequence(&self) -> u64 {
        self.sequence + 1
    }

    /// The next request, encoded; series and metadata refer to the symbols.
    pub fn encode(&mut self, symbols: Symbols, series: Vec<Series>, metadata: Vec<Metadata>) -> Bytes {
        self.sequence += 1;
        let request = PushRequest {
            session: Bytes::copy_from_slice(&self.id),
            sequence: self.sequence,
            agent_id: self.agent_id.clone(),
            symbols: symbols.into_texts(),
            series,
            metadata,
        };
        request.encode_to_vec().into()
    }
}
