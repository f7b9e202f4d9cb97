//! `tidegate.v1.Ingest/Push`.

use tidegate_proto::v1::{PushResponse, Rejection};

use super::unary::Method;
use crate::batch::Outcome;
use crate::metrics::Protocol;

pub struct Push;

impl Method for Push {
    const SERVICE: &'static str = "tidegate.v1.Ingest";
    const METHOD: &'static str = "Push";
    const PROTOCOL: Protocol = Protocol::Push;
    type Answer = PushResponse;

    fn answer(outcome: Outcome) -> PushResponse {
        let accepted_samples = outcome.accepted();
        let rejected = outcome.rejected.into_iter();
        let rejected = rejected.map(|one| Rejection { series: one.index, samples: one.samples, reason: one.reason });
        PushResponse { accepted_samples, rejected: rejected.collect() }
    }
}
