use super::*;

/// The value of the series with exactly these labels.
pub fn value(readings: &[Reading], name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let same = |reading: &&Reading| {
        let given = reading.labels.iter().map(|(name, value)| (*name, value.as_str()));
        reading.family.name == name && given.eq(labels.iter().copied())
    };
    readings.iter().find(same).map(|reading| reading.value)
}

#[tokio::test]
async fn this_host_is_read() {
    let metrics = Metrics::default();
    let mut collectors = Collectors::new(CollectConfig::default(), metrics.clone());
    let readings = collectors.read().await;
    for name in ["node_load1", "node_memory_MemTotal_bytes", "node_boot_time_seconds", "node_time_seconds"] {
        assert!(value(&readings, name, &[]).is_some_and(f64::is_finite), "{name}");
    }
    assert!(value(&readings, "node_cpu_seconds_total", &[("cpu", "0"), ("mode", "user")]).is_some());
    assert!(readings.iter().any(|reading| reading.family.name == "node_uname_info"));
    assert_eq!(metrics.collected_samples.get(), readings.len() as u64);
    let mut series: Vec<_> = readings.iter().map(|reading| (reading.family.name, &reading.labels)).collect();
    let all = series.len();
    series.sort();
    series.dedup();
    assert_eq!(series.len(), all, "each series once");
}

#[tokio::test]
async fn a_file_that_is_missing_leaves_the_others() {
    let proc = tempfile::tempdir().expect("a folder");
    std::fs::write(proc.path().join("loadavg"), "1 2 3 4/5 6\n").expect("writes");
    let metrics = Metrics::default();
    let config = CollectConfig { proc_path: proc.path().to_owned(), cpu: false, ..CollectConfig::default() };
    let readings = Collectors::new(config, metrics.clone()).read().await;
    assert_eq!(value(&readings, "node_load15", &[]), Some(3.0));
    let errors = |collector| metrics.collect_errors.get_or_create(&CollectorLabel { collector }).get();
    assert_eq!((errors("memory"), errors("filesystem"), errors("load")), (1, 1, 0));
    assert_eq!(errors("cpu"), 0, "what is switched off does not fail");
}
