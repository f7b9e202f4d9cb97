//! What a day or a month is made of, kept in its footer: which version of each
//! finer object, and what it covered. So it shows when a part changed, which
//! parts are in an object whose finer ones are gone, and that none got lost.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::coverage::Shrunk;
use crate::{Coverage, CoverageError};

/// By the number of the finer period.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts(pub BTreeMap<u32, Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The finer object's hash of its content.
    pub content: u128,
    pub coverage: Coverage,
}

impl Parts {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All parts together.
    pub fn coverage(&self) -> Coverage {
        let mut coverage = Coverage::default();
        self.0.values().for_each(|part| coverage.add(&part.coverage));
        coverage
    }

    /// A part of which `rebuilt` covers fewer samples than this.
    pub fn shrink_to(&self, rebuilt: &Parts) -> Option<Shrunk> {
        let none = Coverage::default();
        self.0.iter().find_map(|(number, part)| {
            part.coverage.shrinks_to(rebuilt.0.get(number).map_or(&none, |part| &part.coverage))
        })
    }

    /// A line a part: `NUMBER CONTENT COVERAGE`, the content in hex and the
    /// coverage as [`Coverage::to_text`] writes it.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for (number, Part { content, coverage }) in &self.0 {
            writeln!(text, "{number} {content:032x} {}", coverage.to_text()).ok();
        }
        text
    }

    pub fn parse(text: &str) -> Result<Self, CoverageError> {
        text.lines().map(parse_part).collect::<Result<_, _>>().map(Self)
    }
}

fn parse_part(line: &str) -> Result<(u32, Part), CoverageError> {
    let wrong = || CoverageError::of(line);
    let mut fields = line.splitn(3, ' ');
    let mut field = || fields.next().ok_or_else(wrong);
    let number = field()?.parse().map_err(|_| wrong())?;
    let content = u128::from_str_radix(field()?, 16).map_err(|_| wrong())?;
    Ok((number, Part { content, coverage: Coverage::parse(field()?)? }))
}

#[cfg(test)]
mod tests {
    use tidegate_model::SourceId;

    use super::*;

    fn part(content: u128, samples: &[(u16, u64)]) -> Part {
        let mut coverage = Coverage::default();
        for (partition, samples) in samples {
            coverage.count(SourceId { epoch: 9, partition: *partition }, 1, *samples);
        }
        Part { content, coverage }
    }

    #[test]
    fn the_text_comes_back() {
        let parts = Parts(BTreeMap::from([(7, part(1, &[(0, 5), (1, 6)])), (9, part(u128::MAX, &[]))]));
        assert_eq!(Parts::parse(&parts.to_text()), Ok(parts));
        assert_eq!(Parts::parse(""), Ok(Parts::default()));
        for wrong in ["7", "7 zz x", "x 1 1/0@0:0=0:1", "7 1 1/0"] {
            assert!(Parts::parse(wrong).is_err(), "{wrong}");
        }
    }

    /// One part's gain does not make up for another's loss.
    #[test]
    fn each_part_is_looked_at_by_itself() {
        let parts = |a, b| Parts(BTreeMap::from([(1, part(1, &[(0, a)])), (2, part(2, &[(0, b)]))]));
        assert_eq!(parts(5, 5).shrink_to(&parts(5, 6)), None);
        assert!(parts(5, 5).shrink_to(&parts(9, 4)).is_some_and(|shrunk| (shrunk.archived, shrunk.rebuilt) == (5, 4)));
        assert!(parts(5, 5).shrink_to(&Parts::default()).is_some());
        assert_eq!(parts(9, 4).coverage().samples(), 13);
    }
}
