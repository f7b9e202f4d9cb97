use std::time::Duration;

use serde_json::Value;
use tidegate_runtime::tls::TlsClientConfig;
use tokio::sync::mpsc;

use super::*;
use crate::mad::sink::delivery::Options;
use crate::mad::sink::testing::{Server, all, metrics, periodic, policy, soon, usual};

fn given(pairs: &[(&str, &str)]) -> Properties {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn results_go_as_arrays_of_a_size_with_the_headers_given() {
    let server = Server::start([]).await;
    let metrics = metrics();
    let uri = format!("http://{}/in?x=1", server.address).parse().expect("an address");
    let headers = headers(&given(&[("Authorization", "Bearer t")])).expect("headers");
    let arrays = Arrays(
        Poster::new(uri, TlsClientConfig::default(), headers, vec![200], Duration::from_secs(60)).expect("a client"),
    );
    let options = Options { max_concurrency: 1, max_queue: 100, spread: Duration::ZERO, backoff: policy() };
    let delivery = Delivery::start(arrays, options, metrics.clone(), mpsc::channel(1).0);
    let mut sink = Box::new(HttpJson { delivery, max_batch: 2, metrics: metrics.clone() });
    sink.take(&all([usual("a"), periodic("b", &[]), usual("c")]));
    sink.close(soon()).await;
    let posted = server.posted();
    let names = |body: &[u8]| -> Vec<String> {
        let array: Vec<Value> = serde_json::from_slice(body).expect("an array");
        array.iter().map(|object| object["metric"].as_str().expect("a name").to_owned()).collect()
    };
    assert_eq!(posted.iter().map(|post| names(&post.body)).collect::<Vec<_>>(), [vec!["a", "b"], vec!["c"]]);
    assert_eq!(posted[0].headers[CONTENT_TYPE], "application/json");
    assert_eq!(posted[0].headers["authorization"], "Bearer t");
    assert_eq!(metrics.sent_results.get(), 3);
}

#[test]
fn headers_that_are_none_are_named_and_the_type_can_be_given() {
    assert_eq!(headers(&given(&[("a b", "x")])), Err("a b".into()));
    assert_eq!(headers(&given(&[("x", "a\nb")])), Err("x".into()));
    let own = headers(&given(&[("content-type", "text/plain")])).expect("headers");
    assert_eq!(own.get_all(CONTENT_TYPE).iter().collect::<Vec<_>>(), ["text/plain"]);
}
