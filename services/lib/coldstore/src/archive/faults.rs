//! The archive through a proxy that makes trouble, on the S3 server of the
//! test stack.

use std::time::{Duration, Instant};

use tidegate_testkit::fault_proxy::{Fault, FaultProxy, Faults};

use tidegate_model::TenantId;

use super::*;
use crate::archive::tests::{encode, one_sample};
use crate::s3::S3Config;
use crate::s3::tests::bucket;
use crate::tests::{HOUR, key, labels};

/// Generous: what is bounded is bounded by far less.
const BOUND: Duration = Duration::from_secs(60);

async fn through_proxy(test: &str, seed: u64) -> Option<(FaultProxy, Archive, Archive)> {
    let config = bucket(test).await?;
    let upstream = config.endpoint.as_deref().unwrap_or_default().trim_start_matches("http://").parse().unwrap();
    let proxy = FaultProxy::start(upstream, seed).await.unwrap();
    let config = S3Config { request_timeout_ms: 2_000, retry_timeout_ms: 2_000, max_retries: 6, ..config };
    let direct = Archive::s3(&S3Config { request_timeout_ms: 30_000, ..config.clone() }).unwrap();
    let archive = Archive::s3(&S3Config { endpoint: Some(proxy.url()), ..config }).unwrap();
    Some((proxy, archive, direct))
}

/// The object is there once, whole, and the put knows it, whichever way the
/// answer went wrong.
#[tokio::test]
async fn every_fault_of_a_put_ends_in_one_object() {
    let Some((proxy, archive, direct)) = through_proxy("coldstore::archive one fault a put", 1).await else { return };
    let hang = Fault::Hang(Duration::from_secs(20));
    let faults = [
        (Fault::Status(500), PutOutcome::Created),
        (Fault::Status(503), PutOutcome::Created),
        (Fault::Status(409), PutOutcome::Created),
        (Fault::Status(412), PutOutcome::Created),
        (Fault::Cut, PutOutcome::Created),
        (hang, PutOutcome::Created),
        (Fault::Slow(Duration::from_millis(100)), PutOutcome::Created),
        (Fault::LostAnswer, PutOutcome::Unchanged),
        (Fault::WrongAnswer(500), PutOutcome::Unchanged),
        (Fault::WrongAnswer(503), PutOutcome::Unchanged),
        (Fault::WrongAnswer(409), PutOutcome::Unchanged),
        (Fault::WrongAnswer(412), PutOutcome::Unchanged),
    ];
    for (shard, (fault, outcome)) in (0..).zip(faults) {
        // First where nothing is, then in the place of an object.
        let first = encode(key(shard), vec![(labels("a", &[]), one_sample(1.0))]);
        let fuller = encode(key(shard), vec![(labels("a", &[]), one_sample(1.0)), (labels("b", &[]), one_sample(2.0))]);
        let replaced = if outcome == PutOutcome::Created { PutOutcome::Replaced } else { outcome };
        for (hour, expected) in [(first, outcome), (fuller, replaced)] {
            let began = Instant::now();
            proxy.next_put(fault);
            assert_eq!(archive.put(&hour).await.unwrap(), expected, "{fault:?}");
            assert!(began.elapsed() < BOUND, "{fault:?} took {:?}", began.elapsed());
            let counted = direct.count(&key(shard)).await.unwrap().unwrap();
            assert_eq!((counted.samples, counted.coverage), (hour.samples, hour.coverage), "{fault:?}");
        }
    }
    assert_eq!(direct.objects().await.unwrap().len(), faults.len());
    assert_eq!(proxy.happened().values().sum::<u64>(), 2 * faults.len() as u64);
}

/// Two writers of growing hours, over a line on which a third of all goes
/// wrong: whatever was told to be there is there, and nothing grows twice.
#[tokio::test]
async fn nothing_is_lost_or_doubled_on_a_bad_line() {
    let mut happened = std::collections::BTreeSet::new();
    for seed in 1..4 {
        let Some((proxy, archive, direct)) = through_proxy("coldstore::archive a bad line", seed).await else { return };
        let faults = Faults::none().of_all(Fault::Status(503), 60).of_all(Fault::Cut, 60);
        let faults = faults.of_puts(Fault::LostAnswer, 80).of_puts(Fault::WrongAnswer(500), 60);
        proxy.set(faults.of_puts(Fault::Status(409), 60).of_puts(Fault::WrongAnswer(412), 40));
        let names = ["a", "b", "c", "d", "e", "f"];
        let series = |upto: usize| names[..upto].iter().map(|n| (labels(n, &[]), one_sample(1.0))).collect::<Vec<_>>();
        let mut most_told = 0;
        for upto in 1..=names.len() {
            let hour = encode(key(0), series(upto));
            let began = Instant::now();
            let (one, other) = tokio::join!(archive.put(&hour), archive.put(&hour));
            assert!(began.elapsed() < BOUND * 2, "{:?}", began.elapsed());
            if one.is_ok() || other.is_ok() {
                most_told = upto;
            }
            let there = direct.count(&key(0)).await.unwrap().map_or(0, |counted| counted.samples);
            assert!((most_told..=upto).contains(&(there as usize)), "told {most_told}, there {there}, put {upto}");
        }
        proxy.set(Faults::none());
        archive.put(&encode(key(0), series(names.len()))).await.unwrap();
        let read = direct.read_hour(&TenantId::default(), HOUR, None, &|_| true).await.unwrap();
        assert_eq!(read, series(names.len()));
        happened.extend(proxy.happened().into_keys());
    }
    assert!(happened.len() >= 4, "{happened:?}");
}

#[tokio::test]
async fn a_dead_store_is_given_up_in_bounded_time() {
    let Some((proxy, archive, _)) = through_proxy("coldstore::archive a dead store", 1).await else { return };
    for fault in [Fault::Status(503), Fault::Cut, Fault::Hang(Duration::from_secs(60))] {
        proxy.set(Faults::none().of_all(fault, 1_000));
        let began = Instant::now();
        let hour = encode(key(0), vec![(labels("a", &[]), one_sample(1.0))]);
        assert!(archive.put(&hour).await.is_err());
        assert!(archive.read_hour(&TenantId::default(), HOUR, None, &|_| true).await.is_err());
        assert!(began.elapsed() < BOUND, "{fault:?} took {:?}", began.elapsed());
    }
}
