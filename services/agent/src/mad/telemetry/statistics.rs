//! A set of statistics in two bytes.

use tidegate_mad::Statistic;

const ALL: [Statistic; 12] = [
    Statistic::Count,
    Statistic::Sum,
    Statistic::Mean,
    Statistic::Min,
    Statistic::Max,
    Statistic::Median,
    Statistic::Tp75,
    Statistic::Tp90,
    Statistic::Tp95,
    Statistic::Tp99,
    Statistic::Tp99_9,
    Statistic::Histogram,
];

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics(u16);

impl Statistics {
    /// The one of exactly this name: aliases are for the configuration.
    pub fn named(name: &str) -> Self {
        ALL.into_iter().find(|statistic| statistic.name() == name).map_or(Self(0), |found| Self(0).and(found))
    }

    pub fn and(self, statistic: Statistic) -> Self {
        Self(self.0 | 1 << statistic as u16)
    }

    pub fn has(self, statistic: Statistic) -> bool {
        self.0 & 1 << statistic as u16 != 0
    }

    pub fn with(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    pub fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn names(self) -> impl Iterator<Item = &'static str> {
        ALL.into_iter().filter(move |statistic| self.has(*statistic)).map(Statistic::name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_statistic_is_a_member_of_its_own() {
        let all = ALL.into_iter().fold(Statistics::default(), Statistics::and);
        assert_eq!(all.names().count(), 12);
        for statistic in ALL {
            let one = Statistics::named(statistic.name());
            assert_eq!(one.names().collect::<Vec<_>>(), [statistic.name()]);
            assert!(!all.without(one).has(statistic) && all.without(one).with(one) == all);
        }
        assert!(Statistics::named("p99").is_empty());
    }
}
