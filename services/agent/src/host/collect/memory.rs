//! `/proc/meminfo`; proc_meminfo(5).

use super::{CollectError, Family, Reading};

macro_rules! families {
    ($($field:literal $help:literal,)*) => {
        /// The kernel's field, and the family of its bytes.
        static FAMILIES: &[(&str, Family)] = &[
            $(($field, Family::gauge(concat!("node_memory_", $field, "_bytes"), $help)),)*
        ];
    };
}

families! {
    "MemTotal" "Memory that the kernel can use.",
    "MemFree" "Memory that nothing uses.",
    "MemAvailable" "Memory that programs can have without swapping.",
    "Buffers" "Blocks of raw devices kept in memory.",
    "Cached" "Files kept in memory.",
    "SwapCached" "Memory that is in swap too.",
    "Active" "Memory used lately.",
    "Inactive" "Memory not used lately.",
    "SwapTotal" "Swap.",
    "SwapFree" "Swap that nothing uses.",
    "Dirty" "Memory to be written to disk.",
    "Writeback" "Memory being written to disk.",
    "AnonPages" "Memory of programs that no file backs.",
    "Mapped" "Files mapped into memory.",
    "Shmem" "Memory shared between programs, and tmpfs.",
    "Slab" "Structures of the kernel.",
    "SReclaimable" "Structures of the kernel that can be given up.",
    "SUnreclaim" "Structures of the kernel that cannot be given up.",
    "KernelStack" "Stacks of the kernel.",
    "PageTables" "Page tables.",
    "CommitLimit" "Memory that may be promised to programs.",
    "Committed_AS" "Memory promised to programs.",
}

/// Bytes of each field that is known.
pub fn parse(text: &str) -> Result<Vec<Reading>, CollectError> {
    let readings: Vec<_> = text.lines().filter_map(field).collect();
    if readings.is_empty() {
        return Err(CollectError::Format("no known field in /proc/meminfo"));
    }
    Ok(readings)
}

/// `MemFree:    8132 kB`, where kB are 1,024 bytes.
fn field(line: &str) -> Option<Reading> {
    let (name, rest) = line.split_once(':')?;
    let (_, family) = FAMILIES.iter().find(|(field, _)| *field == name)?;
    let mut words = rest.split_ascii_whitespace();
    let amount: f64 = words.next()?.parse().ok()?;
    let unit = if words.next() == Some("kB") { 1_024.0 } else { 1.0 };
    Some(Reading::plain(family, amount * unit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::collect::tests::value;

    #[test]
    fn fields_are_bytes() {
        let text = "MemTotal:        4000 kB\nMemAvailable:    1500 kB\nCached:           7 kB\nHugePages_Total:  3\n\
                    Committed_AS:    900 kB\nBroken\nDirty: none kB\n";
        let readings = parse(text).expect("parses");
        assert_eq!(value(&readings, "node_memory_MemTotal_bytes", &[]), Some(4_096_000.0));
        assert_eq!(value(&readings, "node_memory_MemAvailable_bytes", &[]), Some(1_536_000.0));
        assert_eq!(value(&readings, "node_memory_Cached_bytes", &[]), Some(7_168.0));
        assert_eq!(value(&readings, "node_memory_Committed_AS_bytes", &[]), Some(921_600.0));
        assert_eq!(readings.len(), 4);
    }

    #[test]
    fn other_text_is_an_error() {
        assert!(parse("").is_err());
        assert!(parse("cpu 1 2 3\n").is_err());
    }
}
