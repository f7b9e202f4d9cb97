use super::*;

/// A program of four mappings, one of them with addresses that the loader wrote, then a library and memory without a file.
const SMAPS: &str = "\
5572fbe46000-5572fc894000 r--p 00000000 fe:00 10282909                   /opt/my tools/tidegate
Size:              10552 kB
Rss:                1640 kB
Anonymous:             0 kB
Swap:                  0 kB
THPeligible:           0
VmFlags: rd mr mw me sd
5572fc894000-5572fef1a000 r-xp 00a4d000 fe:00 10282909                   /opt/my tools/tidegate
Rss:               11024 kB
Anonymous:             0 kB
Swap:                  0 kB
VmFlags: rd ex mr mw me sd
5572fef1a000-5572ff0d7000 r--p 030d2000 fe:00 10282909                   /opt/my tools/tidegate
Rss:                1780 kB
Anonymous:          1768 kB
Swap:                  0 kB
VmFlags: rd mr mw me ac sd
5572ff0d7000-5572ff0e6000 rw-p 0328e000 fe:00 10282909                   /opt/my tools/tidegate
Rss:                   0 kB
Anonymous:             0 kB
Swap:                  0 kB
7f3f71e07000-7f3f71f5d000 r-xp 00026000 fe:00 326269                     /usr/lib/x86_64-linux-gnu/libc.so.6
Rss:                1304 kB
Anonymous:             0 kB
Swap:                  0 kB
20000000000-20040000000 rw-p 00000000 00:00 0 
Rss:                 844 kB
Anonymous:           844 kB
Swap:                  0 kB
";

/// What was there at the start: all of it.
fn program() -> Program {
    Program::of(SMAPS)
}

#[test]
fn only_what_was_loaded_from_files_is_found() {
    let mapping = |start, end, kb: u64| Mapping { addresses: start..end, resident_bytes: kb * 1024 };
    let expected = [
        mapping(0x5572_fbe4_6000, 0x5572_fc89_4000, 1_640),
        mapping(0x5572_fc89_4000, 0x5572_fef1_a000, 11_024),
        mapping(0x7f3f_71e0_7000, 0x7f3f_71f5_d000, 1_304),
    ];
    assert_eq!(program().unwritten(SMAPS), expected);
    let replaced = SMAPS.replace("/opt/my tools/tidegate", "/opt/my tools/tidegate (deleted)");
    assert_eq!(program().unwritten(&replaced), expected, "a new version of the program is installed");
}

#[test]
fn what_was_mapped_later_is_left_alone() {
    let other = SMAPS.replace(
        "7f3f71e07000-7f3f71f5d000 r-xp 00026000 fe:00 326269",
        "7f3f71e07000-7f3f71f5d000 r-xp 00026000 fe:00 1",
    );
    assert_eq!(program().unwritten(&other).len(), 2);
    let anonymous = SMAPS.replace("fe:00 326269                     /usr/lib/x86_64-linux-gnu/libc.so.6", "00:00 0 ");
    assert_eq!(program().unwritten(&anonymous).len(), 2);
    assert_eq!(Program::of("").unwritten(SMAPS), []);
}

#[test]
fn pages_that_were_written_and_are_swapped_out_are_no_file_s() {
    let swapped = SMAPS.replace("Swap:                  0 kB", "Swap:                  4 kB");
    assert_eq!(program().unwritten(&swapped), []);
    let shared = SMAPS.replace("r--p", "r--s").replace("r-xp", "r-xs");
    assert_eq!(program().unwritten(&shared), []);
}

#[test]
fn what_the_kernel_does_not_tell_of_is_left_alone() {
    let told = |line: &&str| !line.starts_with("Anonymous") && !line.starts_with("Swap");
    let silent = SMAPS.lines().filter(told).collect::<Vec<_>>().join("\n");
    assert_eq!(program().unwritten(&silent), []);
}

#[test]
fn the_process_goes_on_without_the_pages() {
    let loaded = Program::loaded().expect("the kernel tells");
    let given_bytes = loaded.give_back().expect("the kernel tells");
    assert!(given_bytes > 100 * 1024, "{given_bytes} bytes");
    assert_eq!(program().unwritten(SMAPS).len(), 3);
}

#[test]
fn no_more_large_pages_are_taken() {
    take_no_more_large_pages().expect("the kernel does as it is asked");
    let status = fs::read_to_string("/proc/self/status").expect("it is read");
    assert!(status.contains("THP_enabled:\t0\n"), "{status}");
}
