mod smuggling;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::ConnectInfo;
use axum::middleware;
use axum::routing::{MethodRouter, get, post};
use tokio::io::AsyncReadExt;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::*;
use smuggling::start_guarded;

struct Running {
    address: SocketAddr,
    cancel: CancellationToken,
    server: JoinHandle<Result<(), Infallible>>,
}

async fn start(router: Router, limits: Limits) -> Running {
    let listener = listen("http.listen", "127.0.0.1:0".parse().expect("an address")).await.expect("listens");
    let address = listener.local_addr().expect("an address");
    let cancel = CancellationToken::new();
    let server = Server { listener, protocol: Protocol::Http, router, limits, metrics: ServerMetrics::default() };
    Running { address, cancel: cancel.clone(), server: tokio::spawn(server.serve(cancel)) }
}

fn hasty() -> Limits {
    Limits { header_timeout_seconds: 1, body_timeout_seconds: 1, drain_seconds: 1, ..Limits::default() }
}

/// Sends `request` and reads until the server closes.
async fn talk(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("connects");
    stream.write_all(request.as_bytes()).await.expect("sends");
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(60), stream.read_to_end(&mut answer)).await;
    // A reset after the answer is an end, too.
    read.expect("the server closes").ok();
    String::from_utf8_lossy(&answer).into_owned()
}

async fn echo(body: axum::body::Bytes) -> String {
    format!("{} bytes", body.len())
}

#[tokio::test]
async fn a_port_in_use_names_address_and_key() {
    let first = listen("http.listen", "127.0.0.1:0".parse().expect("an address")).await.expect("listens");
    let address = first.local_addr().expect("an address");
    let error = listen("http.listen", address).await.expect_err("is taken").to_string();
    assert!(error.starts_with(&format!("cannot listen on {address} (http.listen): the port is in use")), "{error}");
}

#[tokio::test]
async fn requests_know_their_peer() {
    let router = Router::new()
        .route("/", get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.ip().to_string() }));
    let running = start(router, hasty()).await;
    let answer = talk(running.address, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(answer.ends_with("127.0.0.1"), "{answer}");
}

#[tokio::test]
async fn slow_headers_are_cut_off() {
    let running = start(Router::new(), hasty()).await;
    talk(running.address, "GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ").await;
    talk(running.address, "").await;
}

#[tokio::test]
async fn idle_connections_are_closed_after_their_last_request() {
    let running = start(Router::new().route("/", get(|| async { "here" })), hasty()).await;
    let answer = talk(running.address, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("here"), "{answer}");
}

#[tokio::test]
async fn an_answer_may_stream_for_longer_than_any_timeout() {
    let running = start(Router::new().route("/", get(|| async { axum::body::Body::new(pieces()) })), hasty()).await;
    let answer = talk(running.address, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert_eq!(answer.matches("tick").count(), 5, "{answer}");
}

/// A body of five pieces, half a second apart.
fn pieces() -> impl hyper::body::Body<Data = axum::body::Bytes, Error = Infallible> + Send + 'static {
    struct Pieces(u32, std::pin::Pin<Box<tokio::time::Sleep>>);
    impl hyper::body::Body for Pieces {
        type Data = axum::body::Bytes;
        type Error = Infallible;
        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<hyper::body::Frame<Self::Data>, Infallible>>> {
            if self.0 == 5 {
                return std::task::Poll::Ready(None);
            }
            std::task::ready!(self.1.as_mut().poll(cx));
            self.0 += 1;
            self.1 = Box::pin(tokio::time::sleep(Duration::from_millis(500)));
            std::task::Poll::Ready(Some(Ok(hyper::body::Frame::data("tick".into()))))
        }
    }
    Pieces(0, Box::pin(tokio::time::sleep(Duration::ZERO)))
}

#[tokio::test]
async fn slow_bodies_are_cut_off() {
    let running = start(Router::new().route("/", post(echo)), hasty()).await;
    let answer = talk(running.address, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc").await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
}

#[tokio::test]
async fn a_body_that_drips_is_cut_off() {
    let limits = Limits { whole_body_timeout_seconds: 1, body_timeout_seconds: 60, ..Limits::default() };
    let running = start(Router::new().route("/", post(echo)), limits).await;
    let mut client = TcpStream::connect(running.address).await.expect("connects");
    client.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n").await.expect("sends");
    let (mut answer, mut drops) = ([0; 12], client.into_split());
    let dripping = async {
        // Ends by itself only when the server closes.
        while drops.1.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        read = drops.0.read_exact(&mut answer) => { read.expect("an answer"); }
        () = dripping => panic!("no answer"),
        () = tokio::time::sleep(Duration::from_secs(60)) => panic!("not cut off"),
    }
    assert_eq!(&answer, b"HTTP/1.1 400");
}

#[tokio::test]
async fn who_reads_a_slow_body_learns_why_it_ended() {
    async fn why(body: axum::body::Body) -> String {
        let error = axum::body::to_bytes(body, 1_000).await.expect_err("it stalls");
        format!("{:?}", BodyError::time_limit(&error))
    }
    let running = start(Router::new().route("/", post(why)), hasty()).await;
    let answer = talk(running.address, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc").await;
    assert!(answer.ends_with("Some(1s)"), "{answer}");
}

#[tokio::test]
async fn requests_beyond_the_limit_are_told_when_to_come_back() {
    let limits = Limits { max_open_requests: 1, ..hasty() };
    let router = Router::new().route("/", get(std::future::pending::<()>)).route("/", post(echo));
    let running = start(router, limits).await;
    let mut first = TcpStream::connect(running.address).await.expect("connects");
    first.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab").await.expect("sends");
    // Until it has been read.
    let answer = loop {
        let answer = talk(running.address, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").await;
        if !answer.starts_with("HTTP/1.1 200") {
            break answer;
        }
    };
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("retry-after: 1\r\n"), "{answer}");
}

#[tokio::test]
async fn connections_beyond_the_limit_are_turned_away() {
    let limits = Limits { max_connections: 1, ..Limits::default() };
    let running = start(Router::new().route("/", post(echo)), limits).await;
    let mut first = TcpStream::connect(running.address).await.expect("connects");
    first.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n").await.expect("sends");
    let answer = talk(running.address, "").await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    first.write_all(b"abc").await.expect("sends");
    let mut answer = [0; 15];
    first.read_exact(&mut answer).await.expect("reads");
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    drop(first);
}

/// Tells when a request has begun.
fn telling(method: MethodRouter) -> (Router, Arc<Notify>) {
    let began = Arc::new(Notify::new());
    let told = Arc::clone(&began);
    let tell = middleware::from_fn(move |request, next: middleware::Next| {
        told.notify_one();
        next.run(request)
    });
    (Router::new().route("/", method).layer(tell), began)
}

#[tokio::test]
async fn open_requests_finish_when_the_server_stops() {
    let (router, began) = telling(post(echo));
    let limits = Limits { body_timeout_seconds: 60, drain_seconds: 60, ..Limits::default() };
    let running = start(router, limits).await;
    let mut client = TcpStream::connect(running.address).await.expect("connects");
    client.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab").await.expect("sends");
    began.notified().await;
    running.cancel.cancel();
    client.write_all(b"c").await.expect("sends");
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.expect("reads to the end");
    assert!(answer.ends_with("3 bytes"), "{answer}");
    running.server.await.expect("ends").expect("well");
    TcpStream::connect(running.address).await.expect_err("the port is closed");
}

#[tokio::test]
async fn requests_that_never_finish_do_not_hold_the_process() {
    let (router, began) = telling(get(std::future::pending::<()>));
    let running = start(router, hasty()).await;
    let mut client = TcpStream::connect(running.address).await.expect("connects");
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("sends");
    began.notified().await;
    running.cancel.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(60), running.server).await;
    ended.expect("in time").expect("ends").expect("well");
}

async fn start_either(router: Router) -> Running {
    let listener = listen("http.listen", "127.0.0.1:0".parse().expect("an address")).await.expect("listens");
    let address = listener.local_addr().expect("an address");
    let cancel = CancellationToken::new();
    let metrics = ServerMetrics::default();
    let server = Server { listener, protocol: Protocol::Either, router, limits: hasty(), metrics };
    Running { address, cancel: cancel.clone(), server: tokio::spawn(server.serve(cancel)) }
}

#[tokio::test]
async fn one_port_takes_both_protocols() {
    let running = start_either(Router::new().route("/", post(echo))).await;
    let answer = talk(running.address, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("3 bytes"), "{answer}");

    let mut client = TcpStream::connect(running.address).await.expect("connects");
    // The preface in two pieces, then empty settings.
    client.write_all(b"PR").await.expect("sends");
    tokio::time::sleep(Duration::from_millis(20)).await;
    client.write_all(b"I * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.expect("sends");
    let mut frame = [0; 9];
    client.read_exact(&mut frame).await.expect("a frame");
    assert_eq!(frame[3], 4, "settings: {frame:?}");
}

#[tokio::test]
async fn a_client_that_says_nothing_is_cut_off_from_either() {
    let running = start_either(Router::new()).await;
    assert_eq!(talk(running.address, "").await, "");
    assert_eq!(talk(running.address, "PR").await, "");
}

#[tokio::test]
async fn no_route_sees_a_request_that_the_guard_refuses() {
    let (running, secret) = start_guarded(Protocol::Http, None).await;
    let get = async |path: &str, more: &str| {
        talk(running.address, &format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{more}\r\n")).await
    };
    let token = format!("Authorization: Bearer {}\r\n", secret.reveal());
    let answer = get("/", "").await;
    assert!(answer.starts_with("HTTP/1.1 401 ") && answer.contains("www-authenticate: Bearer"), "{answer}");
    let answer = get("/", "Accept: text/html\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 303 ") && answer.contains("location: /login"), "{answer}");
    let answer = get("/", &token).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("Some(\"blue\")"), "{answer}");
    let answer = get("/", &format!("{token}X-Scope-OrgID: red\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    let answer = get("/forgotten", &token).await;
    assert!(answer.starts_with("HTTP/1.1 403 ") && !answer.contains("secret"), "{answer}");
    let answer = get("/nowhere", "").await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
}

#[tokio::test]
async fn grpc_clients_are_told_in_their_own_way() {
    use tonic::client::GrpcService;
    let (running, secret) = start_guarded(Protocol::Grpc, None).await;
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{}", running.address)).expect("an endpoint");
    let mut channel = endpoint.connect().await.expect("connects");
    for (token, wanted) in [
        (None, tonic::Code::Unauthenticated),
        (Some("tdg_wrong"), tonic::Code::Unauthenticated),
        (Some(secret.reveal()), tonic::Code::PermissionDenied),
    ] {
        std::future::poll_fn(|cx| GrpcService::<tonic::body::Body>::poll_ready(&mut channel, cx)).await.expect("ready");
        let mut request = http::Request::post("/tidegate.v1.Other/Call").header("content-type", "application/grpc");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let call = GrpcService::call(&mut channel, request.body(tonic::body::Body::empty()).expect("a request"));
        let status = tonic::Status::from_header_map(call.await.expect("an answer").headers());
        assert_eq!(status.expect("a status").code(), wanted, "{token:?}");
    }
}
