//! `/proc/loadavg`; proc_loadavg(5).

use super::{CollectError, Family, Reading};

static LOADS: [Family; 3] = [
    Family::gauge("node_load1", "Load, average of 1 minute."),
    Family::gauge("node_load5", "Load, average of 5 minutes."),
    Family::gauge("node_load15", "Load, average of 15 minutes."),
];

pub fn parse(text: &str) -> Result<Vec<Reading>, CollectError> {
    let mut words = text.split_ascii_whitespace();
    let reading = |family| {
        let value = words.next().and_then(|word| word.parse().ok());
        value.map(|value| Reading::plain(family, value)).ok_or(CollectError::Format("no load in /proc/loadavg"))
    };
    LOADS.iter().map(reading).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::collect::tests::value;

    #[test]
    fn three_averages() {
        let readings = parse("0.52 1.58 12.59 2/345 6789\n").expect("parses");
        assert_eq!(value(&readings, "node_load1", &[]), Some(0.52));
        assert_eq!(value(&readings, "node_load5", &[]), Some(1.58));
        assert_eq!(value(&readings, "node_load15", &[]), Some(12.59));
    }

    #[test]
    fn other_text_is_an_error() {
        assert!(parse("").is_err());
        assert!(parse("0.1 0.2\n").is_err());
    }
}
