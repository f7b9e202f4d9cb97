use super::*;
use crate::host::collect::tests::value;

const TEXT: &str = "\
cpu  300 20 150 9000 40 0 6 2 10 4
cpu0 100 10 100 5000 30 0 4 1 10 4
cpu1 200 10 50 4000 10 0 2 1 0 0
intr 4456 8 0 0
ctxt 98765
btime 1790000000
processes 4242
procs_running 3
procs_blocked 1
softirq 100 1 2
";

#[test]
fn times_are_per_cpu_and_mode_in_seconds() {
    let readings = parse(TEXT, 100.0).expect("parses");
    let cpu = |cpu: &str, mode: &str| value(&readings, "node_cpu_seconds_total", &[("cpu", cpu), ("mode", mode)]);
    assert_eq!(cpu("0", "user"), Some(1.0));
    assert_eq!(cpu("0", "idle"), Some(50.0));
    assert_eq!(cpu("1", "softirq"), Some(0.02));
    assert_eq!(cpu("", "user"), None, "the sum of all is not a CPU");
    assert_eq!(readings.iter().filter(|reading| reading.family == &CPU).count(), 16);
    assert_eq!(value(&readings, "node_cpu_guest_seconds_total", &[("cpu", "0"), ("mode", "user")]), Some(0.1));
}

#[test]
fn counters_below() {
    let readings = parse(TEXT, 100.0).expect("parses");
    for (name, expected) in [
        ("node_intr_total", 4_456.0),
        ("node_context_switches_total", 98_765.0),
        ("node_forks_total", 4_242.0),
        ("node_boot_time_seconds", 1.79e9),
        ("node_procs_running", 3.0),
        ("node_procs_blocked", 1.0),
    ] {
        assert_eq!(value(&readings, name, &[]), Some(expected), "{name}");
    }
}

#[test]
fn an_old_kernel_has_fewer_columns() {
    let readings = parse("cpu0 1 2 3 4\n", 1.0).expect("parses");
    assert_eq!(readings.len(), 4);
}

#[test]
fn other_text_is_an_error() {
    assert!(parse("", 100.0).is_err());
    assert!(parse("MemTotal: 5 kB\n", 100.0).is_err());
}
