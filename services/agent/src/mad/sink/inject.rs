//! `DimensionInjectingSink`: gives results dimensions that they lack, or others
//! than they have.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use tidegate_mad::{Dimensions, Periodic};
use tokio::time::Instant;

use super::Sink;
use super::metrics::SinkMetrics;

pub struct Inject {
    /// Where the result has none of its own.
    pub defaults: BTreeMap<String, String>,
    /// Whatever the result has.
    pub overrides: BTreeMap<String, String>,
    pub inner: Box<dyn Sink>,
    pub metrics: SinkMetrics,
}

impl Inject {
    fn dimensions(&self, own: &Dimensions) -> Dimensions {
        let text = |(name, value): (&'_ String, &'_ String)| (name.clone(), value.clone());
        let own = own.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        // Of a name that comes twice the last value stands.
        self.defaults.iter().map(text).chain(own).chain(self.overrides.iter().map(text)).collect()
    }
}

#[async_trait]
impl Sink for Inject {
    fn take(&mut self, results: &Arc<[Periodic]>) {
        self.metrics.results.inc_by(results.len() as u64);
        let changed = |result: &Periodic| {
            let dimensions = self.dimensions(&result.dimensions);
            Periodic { dimensions, ..result.clone() }
        };
        let results: Arc<[Periodic]> = results.iter().map(changed).collect();
        self.inner.take(&results);
    }

    async fn close(self: Box<Self>, deadline: Instant) {
        self.inner.close(deadline).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mad::sink::testing::{Kept, all, metrics, periodic};

    #[test]
    fn defaults_fill_and_overrides_replace() {
        let kept = Kept::default();
        let pairs = |pairs: &[(&str, &str)]| pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let mut sink = Inject {
            defaults: pairs(&[("a", "default"), ("b", "default"), ("c", "default")]),
            overrides: pairs(&[("c", "override"), ("d", "override")]),
            inner: Box::new(kept.clone()),
            metrics: metrics(),
        };
        sink.take(&all([periodic("m", &[("b", "own"), ("d", "own")])]));
        let expected = [("a", "default"), ("b", "own"), ("c", "override"), ("d", "override")];
        assert_eq!(kept.results()[0].dimensions.iter().collect::<Vec<_>>(), expected);
    }
}
