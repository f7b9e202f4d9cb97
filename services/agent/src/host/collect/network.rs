//! `/proc/net/dev`: bytes, packets and errors of network interfaces.

use super::{CollectError, Family, Reading};

macro_rules! columns {
    ($direction:literal: $($name:literal)*) => {
        [$(Family::counter(
            concat!("node_network_", $direction, "_", $name, "_total"),
            concat!("Network, ", $direction, ": ", $name, "."),
        ),)*]
    };
}

static RECEIVE: [Family; 8] =
    columns!("receive": "bytes" "packets" "errs" "drop" "fifo" "frame" "compressed" "multicast");
static TRANSMIT: [Family; 8] =
    columns!("transmit": "bytes" "packets" "errs" "drop" "fifo" "colls" "carrier" "compressed");

/// Every interface, the loopback too.
pub fn parse(text: &str) -> Result<Vec<Reading>, CollectError> {
    let mut lines = text.lines();
    if !lines.next().is_some_and(|head| head.contains("Receive")) || lines.next().is_none() {
        return Err(CollectError::Format("no heading in /proc/net/dev"));
    }
    let mut readings = Vec::new();
    for line in lines {
        // The name may hold colons (eth0:1), numbers may follow without a space.
        let (device, numbers) = line.rsplit_once(':').ok_or(CollectError::Format("no interface in /proc/net/dev"))?;
        let device = device.trim();
        for (family, word) in RECEIVE.iter().chain(&TRANSMIT).zip(numbers.split_ascii_whitespace()) {
            let value = word.parse().map_err(|_| CollectError::Format("no number in /proc/net/dev"))?;
            readings.push(Reading { family, labels: vec![("device", device.to_owned())], value });
        }
    }
    Ok(readings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::collect::tests::value;

    const TEXT: &str = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:  5000      50    0    0    0     0          0         0     5000      50    0    0    0     0       0          0
eth0:1:1234567 900 1 2 3 4 5 6 7654321 800 11 12 13 14 15 16
";

    #[test]
    fn both_directions_of_each_interface() {
        let readings = parse(TEXT).expect("parses");
        let eth = |name: &str| value(&readings, name, &[("device", "eth0:1")]);
        assert_eq!(eth("node_network_receive_bytes_total"), Some(1_234_567.0));
        assert_eq!(eth("node_network_receive_errs_total"), Some(1.0));
        assert_eq!(eth("node_network_receive_drop_total"), Some(2.0));
        assert_eq!(eth("node_network_receive_multicast_total"), Some(6.0));
        assert_eq!(eth("node_network_transmit_bytes_total"), Some(7_654_321.0));
        assert_eq!(eth("node_network_transmit_carrier_total"), Some(15.0));
        assert_eq!(value(&readings, "node_network_transmit_packets_total", &[("device", "lo")]), Some(50.0));
        assert_eq!(readings.len(), 32);
    }

    #[test]
    fn other_text_is_an_error() {
        assert!(parse("").is_err());
        assert!(parse("cpu 1 2\nctxt 3\n").is_err());
        let broken = TEXT.replace("900", "many");
        assert!(parse(&broken).is_err());
    }
}
