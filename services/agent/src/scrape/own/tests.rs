use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

use super::*;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Label {
    job: String,
}

#[test]
fn everything_that_is_registered_is_read() {
    let mut registry = Registry::default();
    let counter = Family::<Label, Counter>::default();
    counter.get_or_create(&Label { job: "a \"quoted\"\nname".into() }).inc_by(3);
    registry.register("requests", "Requests with \"quotes\"", counter);
    let histogram = Histogram::new([0.5, 1.0]);
    histogram.observe(0.7);
    registry.register("seconds", "Seconds", histogram);
    let scraped = read(&registry, "h", 77);
    assert!(scraped.points.iter().all(|point| point.timestamp_ms == 77));
    let named = |name: &str| scraped.points.iter().filter(|point| point.labels["__name__"] == name).collect::<Vec<_>>();
    assert_eq!(named("requests_total")[0].value, 3.0);
    assert_eq!(named("requests_total")[0].labels["job"], "a \"quoted\"\nname");
    assert_eq!(named("seconds_sum")[0].labels["job"], "tidegate");
    assert!(scraped.points.iter().all(|point| point.labels["instance"] == "h"));
    assert_eq!(named("seconds_bucket").len(), 3);
    assert_eq!(
        scraped.families.iter().map(|family| family.kind.as_str()).collect::<Vec<_>>(),
        ["counter", "histogram"]
    );
}
