use std::collections::BTreeMap;

use tidegate_mad::config::{DropSet, Transform};
use tidegate_mad::transform::Transforms;
use tidegate_mad::{Dimensions, JavaRegex, Kind, Metric, Quantity, Record};

use super::{Closed, Intake, PLACES, Refused};
use crate::mad::pipeline::Metrics;

fn record() -> Record {
    let metric = Metric { kind: Kind::Gauge, samples: vec![Quantity::plain(1.0)], histograms: Vec::new() };
    Record {
        time_ms: 0,
        request_time_ms: None,
        dimensions: Dimensions::default(),
        metrics: vec![("metric".into(), metric)],
    }
}

#[tokio::test]
async fn a_full_intake_refuses_and_counts_but_lets_patient_sources_wait() {
    let metrics = Metrics::default().of("p");
    let (intake, mut receiver) = Intake::new(metrics.clone());
    for _ in 0..PLACES {
        intake.try_send(vec![record()]).unwrap();
    }
    assert_eq!(intake.try_send(vec![record(), record()]), Err(Refused::Full));
    assert_eq!((metrics.records.get(), metrics.refused_records.get()), (PLACES as u64, 2));

    let patient = tokio::spawn({
        let intake = intake.clone();
        async move { intake.send(vec![record()]).await }
    });
    tokio::task::yield_now().await;
    assert!(!patient.is_finished());
    assert!(receiver.recv().await.is_some());
    assert_eq!(patient.await.unwrap(), Ok(()));
    assert_eq!(metrics.records.get(), PLACES as u64 + 1);
}

#[tokio::test]
async fn a_stopped_pipeline_takes_nothing() {
    let (intake, receiver) = Intake::new(Metrics::default().of("p"));
    drop(receiver);
    assert_eq!(intake.send(vec![record()]).await, Err(Closed));
    assert_eq!(intake.try_send(vec![record()]), Err(Refused::Closed));
}

#[tokio::test]
async fn an_empty_batch_takes_no_place() {
    let (intake, mut receiver) = Intake::new(Metrics::default().of("p"));
    intake.send(Vec::new()).await.unwrap();
    intake.try_send(Vec::new()).unwrap();
    assert!(receiver.try_recv().is_err());
}

#[tokio::test]
async fn what_one_source_sends_passes_its_own_wrappers() {
    let (intake, mut receiver) = Intake::new(Metrics::default().of("p"));
    let set = DropSet { metric_pattern: JavaRegex::new(".*").unwrap(), remove_dimensions: vec!["pod".into()] };
    let wrapped = intake.through(Transforms::new(vec![Transform::TagDropping(vec![set])], BTreeMap::new()));
    let with_pod = || vec![Record { dimensions: [("pod", "p")].into_iter().collect(), ..record() }];
    wrapped.send(with_pod()).await.unwrap();
    wrapped.try_send(with_pod()).unwrap();
    intake.send(with_pod()).await.unwrap();
    let mut left = Vec::new();
    for _ in 0..3 {
        left.push(receiver.recv().await.unwrap()[0].dimensions.len());
    }
    assert_eq!(left, [0, 0, 1]);
}
