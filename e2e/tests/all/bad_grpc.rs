//! What goes wrong on the gRPC port.

use anyhow::{Context, ensure};
use tidegate_proto::v1::ingest_client::IngestClient;
use tidegate_proto::v1::{self, PushRequest};
use tidegate_testkit::{Series, Server, now_ms, push};
use tonic::Code;
use tonic::codec::CompressionEncoding;

use crate::support::{SEEN_LIMIT, gives, still_works};

fn good(name: &str, sequence: u64) -> PushRequest {
    push::request([9; 16], sequence, "bad", &[Series::new(name, &[]).at(now_ms(), 1.0)])
}

#[tokio::test]
async fn what_is_malformed_is_an_invalid_argument() -> anyhow::Result<()> {
    let server = Server::quiet().await?;
    let mut client = IngestClient::connect(server.grpc_url()).await?;
    let session = |session: &'static [u8]| PushRequest { session: session.into(), ..good("bad", 1) };
    for (what, request) in [
        ("a session of 3 bytes", session(b"abc")),
        ("sequence 0", good("bad", 0)),
        ("no empty first symbol", PushRequest { symbols: vec!["a".to_owned()], ..good("bad", 1) }),
    ] {
        let status = client.push(request).await.err().with_context(|| format!("{what}: taken"))?;
        ensure!(status.code() == Code::InvalidArgument && !status.message().is_empty(), "{what}: {status:?}");
    }
    still_works(&server, "after_malformed").await
}

#[tokio::test]
async fn the_bad_series_of_a_batch_are_listed_and_the_rest_is_kept() -> anyhow::Result<()> {
    let server = Server::quiet().await?;
    let mut client = IngestClient::connect(server.grpc_url()).await?;
    let mut request = good("kept_by_grpc", 1);
    let sample = v1::Sample { timestamp_ms: now_ms(), value: 1.0 };
    for label_refs in [vec![1, 999], vec![1], vec![]] {
        request.series.push(v1::Series { label_refs, samples: vec![sample], ..v1::Series::default() });
    }
    let ahead = v1::Sample { timestamp_ms: now_ms() + 86_400_000, value: 1.0 };
    let label_refs = request.series[0].label_refs.clone();
    request.series.push(v1::Series { label_refs, samples: vec![ahead], ..v1::Series::default() });
    let answer = client.push(request).await?.into_inner();
    let rejected: Vec<(u32, u64)> = answer.rejected.iter().map(|one| (one.series, one.samples)).collect();
    ensure!(answer.accepted_samples == 1 && rejected == [(1, 1), (2, 1), (3, 1), (4, 1)], "{answer:?}");
    ensure!(answer.rejected.iter().all(|one| !one.reason.is_empty()), "{answer:?}");
    gives(&server.api(), "count_over_time(kept_by_grpc[5m])", 1.0, SEEN_LIMIT).await
}

#[tokio::test]
async fn a_batch_that_comes_again_counts_once() -> anyhow::Result<()> {
    let server = Server::quiet().await?;
    let mut client = IngestClient::connect(server.grpc_url()).await?;
    let request = good("once", 1);
    for _ in 0..5 {
        client.push(request.clone()).await?;
    }
    client.push(good("once_more", 2)).await?;
    gives(&server.api(), "count_over_time(once_more[5m])", 1.0, SEEN_LIMIT).await?;
    gives(&server.api(), "sum(count_over_time(once[5m]))", 1.0, SEEN_LIMIT).await
}

#[tokio::test]
async fn bombs_exhaust_their_own_limit_only() -> anyhow::Result<()> {
    let server = Server::quiet().await?;
    let bomb = PushRequest { symbols: vec![String::new(), "a".repeat(128 << 20)], ..good("bomb", 1) };
    for encoding in [None, Some(CompressionEncoding::Gzip), Some(CompressionEncoding::Zstd)] {
        let mut client = IngestClient::connect(server.grpc_url()).await?;
        if let Some(encoding) = encoding {
            client = client.send_compressed(encoding);
        }
        let status = client.push(bomb.clone()).await.err().with_context(|| format!("{encoding:?}: taken"))?;
        ensure!(status.code() == Code::ResourceExhausted, "{encoding:?}: {status:?}");
    }
    let mut client = IngestClient::connect(server.grpc_url()).await?.send_compressed(CompressionEncoding::Zstd);
    client.push(good("small", 2)).await?;
    still_works(&server, "after_grpc_bombs").await
}
