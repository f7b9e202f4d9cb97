use super::*;

#[test]
fn tasks_start_on_the_threads_of_the_background_at_a_lower_priority() {
    let (front, background) = (Runtime::new().unwrap(), runtime().unwrap());
    let of_this_thread = || rustix::process::getpriority_process(None).unwrap();
    let before = of_this_thread();
    let (thread, nice) = front
        .block_on(starting_on(background.handle(), async {
            tokio::spawn(async move { (std::thread::current().name().map(str::to_owned), of_this_thread()) }).await
        }))
        .unwrap();
    assert_eq!(thread.as_deref(), Some("background"));
    assert_eq!(nice, NICE);
    assert_eq!(of_this_thread(), before);
    front.shutdown_background();
    background.shutdown_background();
}
