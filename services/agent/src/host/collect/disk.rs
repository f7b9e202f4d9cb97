//! `/proc/diskstats`: operations and bytes of whole disks; the kernel's
//! Documentation/admin-guide/iostats.rst.

use super::{CollectError, Family, Reading};

/// A column, its family, and what one unit of it is worth.
struct Column {
    family: Family,
    factor: f64,
}

const SECTOR_BYTES: f64 = 512.0;
const MILLISECOND: f64 = 0.001;

const fn counter(name: &'static str, help: &'static str, factor: f64) -> Column {
    Column { family: Family::counter(name, help), factor }
}

static COLUMNS: [Column; 11] = [
    counter("node_disk_reads_completed_total", "Reads completed.", 1.0),
    counter("node_disk_reads_merged_total", "Reads merged with others.", 1.0),
    counter("node_disk_read_bytes_total", "Bytes read.", SECTOR_BYTES),
    counter("node_disk_read_time_seconds_total", "Seconds spent by all reads.", MILLISECOND),
    counter("node_disk_writes_completed_total", "Writes completed.", 1.0),
    counter("node_disk_writes_merged_total", "Writes merged with others.", 1.0),
    counter("node_disk_written_bytes_total", "Bytes written.", SECTOR_BYTES),
    counter("node_disk_write_time_seconds_total", "Seconds spent by all writes.", MILLISECOND),
    Column { family: Family::gauge("node_disk_io_now", "Operations under way."), factor: 1.0 },
    counter("node_disk_io_time_seconds_total", "Seconds with any operation under way.", MILLISECOND),
    counter("node_disk_io_time_weighted_seconds_total", "Seconds spent by all operations.", MILLISECOND),
];

/// Partitions, loop and memory devices are left out, as the node exporter does.
/// A machine without disks of its own gives no readings.
pub fn parse(text: &str) -> Result<Vec<Reading>, CollectError> {
    let mut readings = Vec::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let [_major, _minor, device, columns @ ..] = &words[..] else {
            return Err(CollectError::Format("a short line in /proc/diskstats"));
        };
        if !is_whole_disk(device) {
            continue;
        }
        for (column, word) in COLUMNS.iter().zip(columns) {
            let amount: f64 = word.parse().map_err(|_| CollectError::Format("no number in /proc/diskstats"))?;
            let labels = vec![("device", (*device).to_owned())];
            readings.push(Reading { family: &column.family, labels, value: amount * column.factor });
        }
    }
    Ok(readings)
}

fn is_whole_disk(device: &str) -> bool {
    let stem = device.trim_end_matches(|c: char| c.is_ascii_digit());
    if stem.len() == device.len() {
        return true; // no number at its end: sda
    }
    if matches!(stem, "ram" | "zram" | "loop" | "fd") {
        return false;
    }
    // sda1, nvme0n1p2, mmcblk0p1
    let lettered = ["hd", "sd", "vd", "xvd"].iter().any(|prefix| {
        stem.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_lowercase()))
    });
    let numbered = (stem.starts_with("nvme") || stem.starts_with("mmcblk")) && stem.ends_with('p');
    !lettered && !numbered
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::collect::tests::value;

    const TEXT: &str = "\
   7       0 loop0 9 0 18 1 0 0 0 0 0 1 1 0 0 0 0 0 0
 254       0 vda 1000 20 4000 1500 300 40 8000 2500 2 3500 4000 0 0 0 0 5 6
 254       1 vda1 900 20 3000 1400 300 40 8000 2500 0 3500 4000 0 0 0 0 0 0
 259       0 nvme0n1 7 0 2 0 0 0 0 0 0 0 0
";

    #[test]
    fn whole_disks_in_bytes_and_seconds() {
        let readings = parse(TEXT).expect("parses");
        let vda = |name: &str| value(&readings, name, &[("device", "vda")]);
        assert_eq!(vda("node_disk_reads_completed_total"), Some(1_000.0));
        assert_eq!(vda("node_disk_read_bytes_total"), Some(2_048_000.0));
        assert_eq!(vda("node_disk_read_time_seconds_total"), Some(1.5));
        assert_eq!(vda("node_disk_writes_completed_total"), Some(300.0));
        assert_eq!(vda("node_disk_written_bytes_total"), Some(4_096_000.0));
        assert_eq!(vda("node_disk_io_now"), Some(2.0));
        assert_eq!(vda("node_disk_io_time_weighted_seconds_total"), Some(4.0));
        assert_eq!(readings.len(), 22, "of vda and nvme0n1 only");
    }

    #[test]
    fn partitions_and_memory_are_no_disks() {
        for disk in ["sda", "vdaa", "xvdb", "nvme0n1", "mmcblk0", "dm-3", "md127", "sr0", "nbd4"] {
            assert!(is_whole_disk(disk), "{disk}");
        }
        for other in ["sda1", "vdb12", "xvda3", "hdc1", "nvme0n1p2", "mmcblk0p1", "loop7", "ram0", "zram0", "fd0"] {
            assert!(!is_whole_disk(other), "{other}");
        }
    }

    #[test]
    fn broken_text_is_an_error_and_none_is_not() {
        assert!(parse("8 0\n").is_err());
        assert!(parse("8 0 sda x 1 2\n").is_err());
        assert_eq!(parse("").expect("parses"), []);
    }
}
