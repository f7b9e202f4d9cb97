use super::*;

#[test]
fn stat_is_read_past_a_name_with_parentheses() {
    let text = "77 (a) b (c) S 1 77 77 0 -1 4194304 900 0 2 0 120 35 0 0 20 0 9 0 5021 73400320 1500 \
                18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0\n";
    let expected =
        Stat { cpu_ticks: 155, threads: 9, start_ticks: 5021, virtual_bytes: 73_400_320, resident_pages: 1_500 };
    assert_eq!(Stat::parse(text), Some(expected));
    assert_eq!(Stat::parse("77 (a) S 1"), None);
    assert_eq!(Stat::parse(""), None);
}

#[test]
fn boot_time_is_found() {
    assert_eq!(boot_time("cpu  1 2 3\nbtime 1790000000\nprocesses 5\n"), Some(1_790_000_000.0));
    assert_eq!(boot_time("cpu 1\n"), None);
}

#[test]
fn this_process_is_described() {
    let mut registry = Registry::default();
    register(&mut registry);
    let mut page = String::new();
    prometheus_client::encoding::text::encode(&mut page, &registry).expect("encodes");
    let value = |name: &str| -> f64 {
        let line = page.lines().find(|line| line.split(' ').next() == Some(name)).unwrap_or_else(|| panic!("{name}"));
        line.rsplit(' ').next().expect("a value").parse().expect("a number")
    };
    assert!(value("process_resident_memory_bytes") > 100_000.0);
    assert!(value("process_open_fds") >= 3.0);
    assert!(value("process_start_time_seconds") > 1.5e9);
    assert!(value("process_cpu_seconds_total") >= 0.0);
}
