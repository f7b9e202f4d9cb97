use std::net::UdpSocket;
use std::time::Duration;

use tidegate_runtime::Tasks;

use super::socket::{Drops, dropped};
use super::*;
use crate::mad::feed::Sockets;
use crate::mad::source::test_feed::{Taken, feed, metrics};

struct Running {
    address: std::net::SocketAddr,
    taken: Taken,
    metrics: SourceMetrics,
    tasks: Tasks,
    sockets: Arc<Vec<tokio::net::UdpSocket>>,
}

fn run() -> Running {
    // Several sockets need a port that is told.
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let sockets = bind("127.0.0.1", port, &Sockets::default()).unwrap();
    let ((feed, taken), metrics, mut tasks) = (feed(), metrics(), Tasks::detached());
    start(&sockets, &feed, &metrics, &mut tasks);
    Running { address: sockets[0].local_addr().unwrap(), taken, metrics, tasks, sockets }
}

#[tokio::test]
async fn datagrams_become_records() {
    let mut running = run();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    let large = "large:1|c\n".repeat(6_000);
    for datagram in ["a:1|c\nb:2|g", "bad", "", "c:1|c|@0", "d\u{fffd}:1|ms|#k:v", &large] {
        client.send_to(datagram.as_bytes(), running.address).unwrap();
    }
    client.send_to(b"\xff:1|c", running.address).unwrap();
    let names = running.taken.names(6_004).await;
    assert_eq!(names[..3], ["a", "b", "d\u{fffd}"]);
    assert!(names[3..6_003].iter().all(|name| name == "large"));
    assert_eq!(names[6_003], "\u{fffd}");
    assert_eq!(running.metrics.received.get(), 7);
    assert_eq!((running.metrics.refused(), running.metrics.sampled_out.get()), (1, 1));
    running.tasks.stop(Duration::from_secs(60)).await.unwrap();
}

#[tokio::test]
async fn what_the_kernel_has_when_the_source_stops_is_not_lost() {
    let mut running = run();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    // Nothing is read before the tasks run, which is when this one waits.
    for n in 0..200 {
        client.send_to(format!("n{n}:1|c").as_bytes(), running.address).unwrap();
    }
    running.tasks.cancel();
    running.tasks.stop(Duration::from_secs(60)).await.unwrap();
    assert_eq!(running.taken.rest().len(), 200);
}

#[tokio::test]
async fn a_flood_is_counted_whether_it_is_read_or_dropped() {
    let mut running = run();
    let mut drops = Drops::new(&running.sockets);
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    let datagram = vec![b'x'; 60_000];
    for _ in 0..2_000 {
        client.send_to(&datagram, running.address).unwrap();
    }
    running.tasks.cancel();
    running.tasks.stop(Duration::from_secs(30)).await.unwrap();
    let (read, dropped) = (running.metrics.received.get(), drops.since_last_time());
    assert!(read > 0 && dropped > 0, "{read} read, {dropped} dropped");
    // On a slow machine the farewell may end before the kernel's buffers do.
    let (mut datagrams, mut left) = (Datagrams::new(), 0);
    for socket in running.sockets.iter() {
        while datagrams.try_receive(socket) {
            left += datagrams.iter().count() as u64;
        }
    }
    assert_eq!(read + dropped + left, 2_000);
    assert!(running.taken.rest().is_empty());
}

#[test]
fn drops_are_read_from_the_kernels_table() {
    let table = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
        1: 0100007F:1FBD 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 111 2 0000000000000000 5\n\
        2: 0100007F:1FBD 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 222 2 0000000000000000 7\n\
        3: 0100007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 333 2 0000000000000000 9\n\
        nonsense\n";
    assert_eq!(dropped(table, &[111, 222]), 12);
    assert_eq!(dropped(table, &[]), 0);
    assert_eq!(dropped("", &[111]), 0);
}

#[tokio::test]
async fn an_address_that_is_not_ours_cannot_be_bound() {
    assert!(bind("192.0.2.1", 8125, &Sockets::default()).is_err());
}
