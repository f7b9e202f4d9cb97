use super::*;

fn tasks() -> (Tasks, mpsc::Receiver<TaskError>) {
    let (failures, failed) = mpsc::channel(4);
    (Tasks::new(failures), failed)
}

#[tokio::test]
async fn a_failure_and_a_panic_are_told_by_name() {
    let (mut tasks, mut failed) = tasks();
    tasks.spawn("fails", |_| async { Err::<(), _>("disk full") });
    let error = failed.recv().await.expect("a failure");
    assert_eq!(error.to_string(), "task fails failed: disk full");
    tasks.spawn("panics", |_| async {
        if true {
            panic!("index {} out of bounds", 3);
        }
        Ok::<(), String>(())
    });
    let error = failed.recv().await.expect("a failure");
    assert_eq!(error.to_string(), "task panics panicked: index 3 out of bounds");
}

#[tokio::test]
async fn stop_cancels_and_waits() {
    let (mut tasks, _failed) = tasks();
    let (done, mut finished) = mpsc::channel::<()>(1);
    tasks.spawn("works", |cancel| async move {
        cancel.cancelled().await;
        done.send(()).await.ok();
        Ok::<(), String>(())
    });
    tasks.stop(Duration::from_secs(60)).await.expect("stops in time");
    assert_eq!(finished.recv().await, Some(()));
}

#[tokio::test]
async fn a_task_that_does_not_stop_is_named() {
    let (mut tasks, _failed) = tasks();
    tasks.spawn("deaf", |_| std::future::pending::<Result<(), String>>());
    let error = tasks.stop(Duration::from_secs(1)).await.expect_err("is stuck");
    assert_eq!(error.to_string(), "task deaf did not stop within 1 s");
}

#[tokio::test]
async fn finish_waits_for_the_natural_end_and_then_insists() {
    let (mut tasks, _failed) = tasks();
    let (done, finished) = tokio::sync::oneshot::channel();
    tasks.spawn("short", |cancel| async move {
        tokio::time::sleep(Duration::from_millis(20)).await;
        done.send(cancel.is_cancelled()).ok();
        Ok::<(), String>(())
    });
    tasks.finish(Duration::from_secs(60)).await.expect("ends");
    assert_eq!(finished.await, Ok(false), "nobody cancelled it");

    let (mut tasks, _failed) = self::tasks();
    tasks.spawn("ended", |_| async { Ok::<(), String>(()) });
    tasks.spawn("endless", |cancel| async move {
        cancel.cancelled().await;
        Ok::<(), String>(())
    });
    tasks.finish(Duration::from_millis(50)).await.expect("stops when cancelled");
}
