use tidegate_mad::emit::aggregation::statistic_set;

use super::*;
use crate::mad::sink::testing::{sketched, usual};

fn options(left: Stream, right: Stream) -> Options {
    Options { left, right, length: Duration::from_secs(2), edge: Duration::ZERO, tolerance: 0.0 }
}

async fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.expect("listens").local_addr().expect("an address")
}

async fn post(address: SocketAddr, body: Vec<u8>) -> u16 {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = loop {
        match tokio::net::TcpStream::connect(address).await {
            Ok(stream) => break stream,
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    };
    let head = format!("POST /any HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(&[head.as_bytes(), &body].concat()).await.expect("writes");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("reads");
    answer[9..12].parse().expect("a status")
}

#[tokio::test]
async fn two_streams_are_taken_and_compared() {
    let (left, right) = (free_address().await, free_address().await);
    let running = tokio::spawn(run(options(Stream::Listen(left), Stream::Listen(right))));
    let frame = |result| statistic_set(&result).expect("a frame");
    let mut other = usual("b");
    other.statistics[1].value.value = 5.0;
    for (address, result) in [(left, usual("a")), (right, usual("a")), (left, usual("b")), (right, other)] {
        assert_eq!(post(address, frame(result)).await, 200);
    }
    assert_eq!(post(left, b"no frame".to_vec()).await, 400);
    let report = running.await.expect("runs").expect("a report");
    assert_eq!((report.equal, report.different.len()), (1, 1), "{report}");
    assert!(report.to_string().contains("mean: 4.5 | 5.0"), "{report}");
}

#[tokio::test]
async fn two_files_are_compared_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let frames = |metrics: &[&str]| -> Vec<u8> {
        metrics.iter().flat_map(|metric| statistic_set(&sketched(metric, &[1.0])).expect("a frame")).collect()
    };
    let write = |name: &str, bytes: Vec<u8>| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("writes");
        Stream::File(path)
    };
    let (left, right) = (write("left", frames(&["a", "b"])), write("right", frames(&["b"])));
    let report = run(options(left.clone(), right)).await.expect("a report");
    assert_eq!((report.equal, report.missing.right.len()), (1, 1), "{report}");
    let broken = write("broken", b"no frame".to_vec());
    let error = run(options(left, broken)).await.expect_err("is no frame").to_string();
    assert!(error.contains("broken"), "{error}");
}

#[test]
fn an_address_is_listened_on_and_anything_else_is_a_file() {
    assert_eq!("127.0.0.1:7066".parse(), Ok(Stream::Listen(([127, 0, 0, 1], 7066).into())));
    assert_eq!("left.frames".parse(), Ok(Stream::File("left.frames".into())));
}
