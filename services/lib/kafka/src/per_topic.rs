//! Something for each topic.

use tidegate_eventlog::Topic;

#[derive(Clone, Debug, Default)]
pub(crate) struct PerTopic<T> {
    raw: T,
    rollup: T,
}

impl<T> PerTopic<T> {
    /// Stops at the first error.
    pub fn try_new<E>(mut make: impl FnMut(Topic) -> Result<T, E>) -> Result<Self, E> {
        Ok(Self { raw: make(Topic::MetricsRaw)?, rollup: make(Topic::MetricsRollup)? })
    }

    pub fn map<U>(&self, mut make: impl FnMut(&T) -> U) -> PerTopic<U> {
        PerTopic { raw: make(&self.raw), rollup: make(&self.rollup) }
    }

    pub fn get(&self, topic: Topic) -> &T {
        match topic {
            Topic::MetricsRaw => &self.raw,
            Topic::MetricsRollup => &self.rollup,
        }
    }

    pub fn get_mut(&mut self, topic: Topic) -> &mut T {
        match topic {
            Topic::MetricsRaw => &mut self.raw,
            Topic::MetricsRollup => &mut self.rollup,
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (Topic, &T)> {
        Topic::ALL.into_iter().map(|topic| (topic, self.get(topic)))
    }
}
