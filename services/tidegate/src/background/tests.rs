use super::*;

fn of_this_thread() -> i32 {
    getpriority_process(None).unwrap()
}

fn lowered() -> i32 {
    (of_this_thread() + NICE).min(LOWEST)
}

#[test]
fn tasks_start_on_the_threads_of_the_background_at_a_lower_priority() {
    let (front, background) = (Runtime::new().unwrap(), runtime().unwrap());
    let before = of_this_thread();
    let (thread, nice) = front
        .block_on(starting_on(background.handle(), async {
            tokio::spawn(async move { (std::thread::current().name().map(str::to_owned), of_this_thread()) }).await
        }))
        .unwrap();
    assert_eq!(thread.as_deref(), Some("background"));
    assert_eq!(nice, lowered());
    assert_eq!(of_this_thread(), before);
    front.shutdown_background();
    background.shutdown_background();
}

#[test]
fn threads_started_in_the_background_inherit_its_priority() {
    let nice = starting_threads(|| std::thread::spawn(of_this_thread).join().unwrap());
    assert_eq!(nice, lowered());
}

#[test]
fn threads_for_blocking_work_are_not_lowered_twice() {
    let background = runtime().unwrap();
    let nested = async { tokio::task::spawn_blocking(of_this_thread).await.unwrap() };
    let nice = background.block_on(async { tokio::spawn(nested).await }).unwrap();
    assert_eq!(nice, lowered());
    background.shutdown_background();
}

#[test]
fn threads_of_the_background_give_up_their_cores_to_those_that_started_them() {
    let kernels_own = std::thread::spawn(|| slice::get().unwrap()).join().unwrap();
    let inherited = std::thread::spawn(|| {
        slice::set(slice::SHORTEST).unwrap();
        let background = runtime().unwrap();
        let of_task = background.block_on(async { tokio::spawn(async { slice::get().unwrap() }).await.unwrap() });
        background.shutdown_background();
        (of_task, starting_threads(|| std::thread::spawn(|| slice::get().unwrap()).join().unwrap()))
    });
    assert_eq!(inherited.join().unwrap(), (kernels_own, kernels_own));
}
