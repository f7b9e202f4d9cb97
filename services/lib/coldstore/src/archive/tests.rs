use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use object_store::ObjectStoreExt;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tidegate_model::{Labels, MetricId, SourceId, TenantId, Window, WindowValue};

use super::*;
use crate::tests::{HOUR, HOUR_START_MS, any_value, covering, float, key, labels, same_window, shifted};
use crate::{ObjectKey, ObjectWriter, Period, Tier, series_order};

pub fn encode(key: ObjectKey, mut series: Vec<(Labels, Vec<Window>)>) -> EncodedObject {
    series.sort_by(|(a, _), (b, _)| series_order(a, b));
    let mut writer = ObjectWriter::new(key).unwrap();
    for (labels, windows) in &series {
        writer.series(MetricId::of(&TenantId::default(), labels), labels, windows).unwrap();
    }
    writer.finish(covering(series.into_iter().flat_map(|(_, windows)| windows))).unwrap()
}

pub fn one_sample(value: f64) -> Vec<Window> {
    vec![float(HOUR_START_MS, &[(0, value)])]
}

fn archives() -> (tempfile::TempDir, Vec<Archive>) {
    let folder = tempfile::tempdir().unwrap();
    let local = Archive::local(&folder.path().join("archive")).unwrap();
    (folder, vec![local, Archive::in_memory()])
}

#[test]
fn any_windows_come_back_to_the_bit() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let label_sets = prop::collection::btree_map("[a-z]{1,8}", "\\PC{1,12}", 0..4);
    let series =
        prop::collection::btree_map(("[a-c]_total", label_sets), prop::collection::vec(any_value(), 1..20), 1..6);
    TestRunner::new(Config { cases: 96, ..Config::default() })
        .run(&series, |series| {
            let as_windows = |values: Vec<WindowValue>| {
                values.into_iter().enumerate().map(|(index, value)| shifted(value, index as i64 * 5000)).collect()
            };
            let mut series: Vec<(Labels, Vec<Window>)> = series
                .into_iter()
                .map(|((name, others), values)| {
                    let pairs: Vec<_> = others.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
                    (labels(&name, &pairs), as_windows(values))
                })
                .collect();
            series.sort_by(|(a, _), (b, _)| series_order(a, b));
            let archive = Archive::in_memory();
            let read = runtime.block_on(async {
                archive.put(&encode(key(0), series.clone())).await.unwrap();
                archive.read_hour(&TenantId::default(), HOUR, None, &|_| true).await.unwrap()
            });
            prop_assert_eq!(read.len(), series.len());
            for ((labels, windows), (read_labels, read_windows)) in series.iter().zip(&read) {
                prop_assert_eq!(labels, read_labels);
                prop_assert_eq!(windows.len(), read_windows.len());
                for (window, read) in windows.iter().zip(read_windows) {
                    prop_assert!(same_window(window, read), "{:?} came back as {:?}", window, read);
                }
            }
            Ok(())
        })
        .unwrap();
}

#[tokio::test]
async fn a_read_takes_only_what_is_kept() {
    let (_folder, archives) = archives();
    for archive in archives {
        let of = |name: &str, job: &str| labels(name, &[("job", job)]);
        let first = [("cpu", "a"), ("cpu", "b"), ("mem", "a")].map(|(name, job)| (of(name, job), one_sample(1.0)));
        let second = vec![(of("cpu", "c"), one_sample(2.0)), (of("zzz", "a"), one_sample(3.0))];
        archive.put(&encode(key(0), first.to_vec())).await.unwrap();
        archive.put(&encode(key(1), second)).await.unwrap();
        let asked = AtomicUsize::new(0);
        let keep = |labels: &Labels| {
            asked.fetch_add(1, Ordering::Relaxed);
            labels.get("job") != Some("a")
        };
        let read = archive.read_hour(&TenantId::default(), HOUR, Some("cpu"), &keep).await.unwrap();
        let expected = vec![(of("cpu", "b"), one_sample(1.0)), (of("cpu", "c"), one_sample(2.0))];
        assert_eq!(read, expected);
        assert_eq!(asked.load(Ordering::Relaxed), 3, "once for each series of the name");
        let mut all = archive.labels(&key(0), None).await.unwrap().unwrap();
        all.extend(archive.labels(&key(1), None).await.unwrap().unwrap());
        assert_eq!(all, [of("cpu", "a"), of("cpu", "b"), of("mem", "a"), of("cpu", "c"), of("zzz", "a")]);
        assert_eq!(archive.read_hour(&TenantId::default(), HOUR + 1, None, &|_| true).await.unwrap(), []);
    }
}

/// Several row groups, some without anything wanted, series across their
/// bounds.
#[tokio::test]
async fn series_across_row_groups_are_whole() {
    let windows = |seed: i64| -> Vec<Window> {
        let at = |index: i64| float(HOUR_START_MS + index * 5000, &[(seed % 5000, (seed * 1000 + index) as f64)]);
        (0..720).map(at).collect()
    };
    let series: BTreeMap<String, Vec<Window>> = (0..400).map(|n| (format!("{n:03}"), windows(n))).collect();
    let of = |n: &str| labels(if n < "200" { "a" } else { "b" }, &[("n", n)]);
    let archive = Archive::in_memory();
    let hour = encode(key(0), series.iter().map(|(n, windows)| (of(n), windows.clone())).collect());
    assert_eq!((hour.rows, hour.samples, hour.series), (288_000, 288_000, 400));
    archive.put(&hour).await.unwrap();
    let wanted = |labels: &Labels| labels.get("n").is_some_and(|n| n.ends_with('2'));
    for name in [None, Some("a"), Some("b"), Some("c")] {
        let read = archive.read_hour(&TenantId::default(), HOUR, name, &wanted).await.unwrap();
        let expected: Vec<_> = series
            .iter()
            .filter(|(n, _)| n.ends_with('2') && name.is_none_or(|name| of(n).metric_name() == name))
            .map(|(n, windows)| (of(n), windows.clone()))
            .collect();
        assert_eq!(read, expected, "{name:?}");
    }
    let counted = archive.count(&key(0)).await.unwrap().unwrap();
    assert_eq!((counted.rows, counted.samples, counted.coverage), (288_000, 288_000, hour.coverage));
}

#[tokio::test]
async fn a_put_again_changes_nothing_and_a_fuller_one_replaces() {
    let (_folder, archives) = archives();
    for archive in archives {
        let hour = encode(key(0), vec![(labels("up", &[]), one_sample(1.0))]);
        assert_eq!(archive.put(&hour).await.unwrap(), PutOutcome::Created);
        assert_eq!(archive.put(&hour).await.unwrap(), PutOutcome::Unchanged);
        let fuller = encode(key(0), vec![(labels("up", &[]), one_sample(1.0)), (labels("up2", &[]), one_sample(1.0))]);
        assert_eq!(archive.put(&fuller).await.unwrap(), PutOutcome::Replaced);
        assert_eq!(archive.count(&key(0)).await.unwrap().unwrap().samples, 2);
    }
}

#[tokio::test]
async fn a_rebuild_with_fewer_samples_is_refused_and_names_both() {
    let archive = Archive::in_memory();
    let two = vec![(labels("a", &[]), one_sample(1.0)), (labels("b", &[]), one_sample(1.0))];
    archive.put(&encode(key(0), two)).await.unwrap();
    let refused = archive.put(&encode(key(0), vec![(labels("a", &[]), one_sample(1.0))])).await;
    let Err(ArchiveError::FewerSamples { source_id, archived: 2, rebuilt: 1, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(source_id, SourceId { epoch: 1, partition: 0 });
    assert_eq!(archive.count(&key(0)).await.unwrap().unwrap().samples, 2);
}

#[tokio::test]
async fn lists_deletes_and_marks_hours() {
    let (_folder, archives) = archives();
    for archive in archives {
        let tenant = TenantId::default();
        let series = |hour: u32| {
            let start_ms = i64::from(hour) * 3_600_000;
            vec![(labels("up", &[]), vec![float(start_ms, &[(1, 1.0)])])]
        };
        for hour in [HOUR - 30, HOUR - 1, HOUR] {
            let key = ObjectKey { period: Period::Hour(hour), ..key(0) };
            archive.put(&encode(key, series(hour))).await.unwrap();
            assert!(!archive.is_complete(&tenant, hour).await.unwrap());
            archive.mark_complete(&tenant, hour).await.unwrap();
            archive.mark_complete(&tenant, hour).await.unwrap();
            assert!(archive.is_complete(&tenant, hour).await.unwrap());
        }
        assert_eq!(archive.tenants().await.unwrap(), std::slice::from_ref(&tenant));
        assert_eq!(archive.hours(&tenant).await.unwrap(), [HOUR - 30, HOUR - 1, HOUR]);
        assert_eq!(archive.objects().await.unwrap().len(), 3);
        for hour in [HOUR - 30, HOUR - 1] {
            archive.delete(&ObjectKey { period: Period::Hour(hour), ..key(0) }).await.unwrap();
        }
        assert_eq!(archive.hours(&tenant).await.unwrap(), [HOUR]);
        assert!(!archive.is_complete(&tenant, HOUR - 1).await.unwrap());
        assert!(archive.is_complete(&tenant, HOUR).await.unwrap());
    }
}

#[tokio::test]
async fn damaged_objects_are_named_not_believed() {
    let archive = Archive::in_memory();
    let hour = encode(key(0), vec![(labels("up", &[("job", "a")]), one_sample(1.0))]);
    for length in [0, 4, 100, hour.bytes.len() / 2, hour.bytes.len() - 1] {
        archive.store().put(&key(0).path(), hour.bytes.slice(..length).into()).await.unwrap();
        let read = archive.read_hour(&TenantId::default(), HOUR, None, &|_| true).await;
        assert!(read.is_err(), "the first {length} bytes were believed");
    }
}

/// Whatever is wrong with the bytes, it ends in an answer.
#[tokio::test]
async fn flipped_bytes_end_in_an_answer() {
    let archive = Archive::in_memory();
    let windows = (0..100).map(|n| float(HOUR_START_MS + n * 5000, &[(n, n as f64 / 3.0)])).collect();
    let hour = encode(key(0), vec![(labels("up", &[("job", "a")]), windows)]);
    let mut refused = 0;
    for at in (0..hour.bytes.len()).step_by(7) {
        let mut bytes = hour.bytes.to_vec();
        bytes[at] ^= 0x55;
        archive.store().put(&key(0).path(), bytes.into()).await.unwrap();
        refused += usize::from(archive.read_hour(&TenantId::default(), HOUR, None, &|_| true).await.is_err());
    }
    assert!(refused > 0);
}

#[test]
fn futures_can_be_spawned() {
    fn sent<T: Send>(value: T) -> T {
        value
    }
    let archive = Archive::in_memory();
    let tenant = TenantId::default();
    drop(sent(archive.read_hour(&tenant, HOUR, None, &|_| true)));
    let key = key(0);
    drop(sent(archive.labels(&key, None)));
    drop(sent(archive.reader(&key)));
    drop(sent(archive.slices(&tenant, 0..1, &Default::default())));
    drop(sent(archive.count(&key)));
    drop(sent(archive.coverage(&key)));
    let hour = encode(key.clone(), Vec::new());
    drop(sent(archive.put(&hour)));
}

/// A writer that was stopped for long, and one that was not.
#[tokio::test]
async fn an_older_view_gives_way_and_a_base_that_is_gone_is_told() {
    let (_folder, archives) = archives();
    for archive in archives {
        let at = |effective_ms: i64, names: &[&str]| {
            let mut writer = ObjectWriter::new(key(0)).unwrap();
            for labels in names.iter().map(|name| labels(name, &[])) {
                writer.series(MetricId::of(&TenantId::default(), &labels), &labels, &one_sample(1.0)).unwrap();
            }
            let mut coverage = covering(names.iter().flat_map(|_| one_sample(1.0)));
            for source in coverage.sources.values_mut() {
                source.clock.effective_ms = effective_ms;
            }
            writer.finish(coverage).unwrap()
        };
        archive.put(&at(20, &["a", "b"])).await.unwrap();
        assert_eq!(archive.put(&at(10, &["a"])).await.unwrap(), PutOutcome::Superseded);
        assert_eq!(archive.count(&key(0)).await.unwrap().unwrap().samples, 2);
        assert!(matches!(archive.put(&at(20, &["a"])).await, Err(ArchiveError::FewerSamples { .. })));
        let more = at(30, &["a", "b", "c"]);
        for wrong in [None, Some("another")] {
            let put = archive.put_based_on(&more, Base::Object(wrong)).await;
            assert!(matches!(put, Err(ArchiveError::Contended(_))), "{put:?}");
        }
        let seen = archive.summary(&key(0)).await.unwrap().unwrap().e_tag;
        let put = archive.put_based_on(&more, Base::Object(seen.as_deref())).await.unwrap();
        assert_eq!(put, PutOutcome::Replaced);
        // The same again, as after a lost answer.
        let put = archive.put_based_on(&more, Base::Object(seen.as_deref())).await.unwrap();
        assert_eq!(put, PutOutcome::Unchanged);
    }
}

#[tokio::test]
async fn a_version_is_what_was_listed_or_nothing() {
    let (_folder, mut archives) = archives();
    // A list has to name versions as an answer does.
    if let Some(config) = crate::s3::tests::bucket("coldstore::archive a_version_is_what_was_listed").await {
        archives.push(Archive::s3(&config).unwrap());
    }
    let tenant = TenantId::default();
    for archive in archives {
        let of = |upto: usize| {
            let series = ["cpu", "mem", "net"][..upto].iter().map(|name| (labels(name, &[]), one_sample(1.0)));
            encode(key(0), series.collect())
        };
        let slice = async || {
            let mut slices = archive.slices(&tenant, HOUR..HOUR + 1, &Default::default()).await.unwrap();
            assert_eq!(slices.len(), 1);
            slices.remove(0)
        };
        archive.put(&of(1)).await.unwrap();
        let first = slice().await;
        assert_eq!(slice().await.version(), first.version());
        assert!(first.version().is_some());
        let version = archive.version(&first).await.unwrap().unwrap().without_bytes();
        let groups = version.row_groups(None);
        let runs = version.series(groups.clone()).await.unwrap().remove(0);
        assert_eq!(runs.iter().map(|run| &run.labels).collect::<Vec<_>>(), [&labels("cpu", &[])]);
        let read = version.windows(vec![runs[0].rows.clone()], |windows| windows).await.unwrap();
        assert_eq!(read, [one_sample(1.0)]);

        archive.put(&of(2)).await.unwrap();
        assert_ne!(slice().await.version(), first.version());
        assert!(archive.version(&first).await.unwrap().is_none(), "another is there");
        let replaced = version.series(groups).await;
        assert!(matches!(replaced, Err(ArchiveError::Replaced(_))));
        archive.delete(&key(0)).await.unwrap();
        assert!(archive.version(&first).await.unwrap().is_none(), "nothing is there");
    }
}

#[tokio::test]
async fn a_list_of_any_length_of_time_has_what_is_in_it() {
    let (_folder, archives) = archives();
    for archive in archives {
        let mut there = Vec::new();
        for hour in [HOUR - 900, HOUR - 30, HOUR - 2, HOUR, HOUR + 1, HOUR + 25, HOUR + 800] {
            for tier in Tier::ALL {
                let object = ObjectKey { period: Period::containing(tier, hour), ..key(0) };
                let mut writer = ObjectWriter::new(object.clone()).unwrap();
                let series = labels("cpu", &[]);
                let windows = vec![float(object.period.times_ms().start, &[(0, 1.0)])];
                writer.series(MetricId::of(&TenantId::default(), &series), &series, &windows).unwrap();
                archive.put(&writer.finish(covering(windows)).unwrap()).await.unwrap();
                there.push(object);
            }
        }
        there.sort();
        there.dedup();
        for hours in
            [0..u32::MAX, HOUR..HOUR + 1, HOUR - 2..HOUR + 1, HOUR - 31..HOUR + 26, HOUR - 900..HOUR + 1, HOUR..HOUR]
        {
            for tier in Tier::ALL {
                let listed = archive.list(&TenantId::default(), tier, hours.clone()).await.unwrap();
                let listed: Vec<_> = listed.into_iter().map(|listed| listed.key).collect();
                let meets = |key: &&ObjectKey| {
                    let of = key.period.hours();
                    key.period.tier() == tier && of.start.max(hours.start) < of.end.min(hours.end)
                };
                assert_eq!(listed, there.iter().filter(meets).cloned().collect::<Vec<_>>(), "{hours:?} {tier:?}");
            }
        }
    }
}
