//! A thread with a name, an owner who stops it, and an end that is noticed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex};
use std::time::Duration;

/// Stops when it is dropped, and is waited for.
pub(crate) struct Worker {
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread asks whether it shall go on.
#[derive(Default)]
pub(crate) struct Stop {
    asked: AtomicBool,
    lock: Mutex<()>,
    woken: Condvar,
}

impl Stop {
    pub fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }

    /// Waits, less long when asked to stop.
    pub fn sleep(&self, duration: Duration) {
        let mut guard = self.lock.lock();
        if !self.is_asked() {
            self.woken.wait_for(&mut guard, duration);
        }
    }

    fn ask(&self) {
        let _guard = self.lock.lock();
        self.asked.store(true, Ordering::Release);
        self.woken.notify_all();
    }
}

/// Tells of an end that nobody asked for: a panic.
struct Watcher<F: FnOnce()> {
    stop: Arc<Stop>,
    on_failure: Option<F>,
}

impl<F: FnOnce()> Drop for Watcher<F> {
    fn drop(&mut self) {
        if !self.stop.is_asked()
            && let Some(on_failure) = self.on_failure.take()
        {
            on_failure();
        }
    }
}

impl Worker {
    /// Runs `work` until it sees that it is asked to stop. Where it ends
    /// before, by a panic, `on_failure` is called.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn start(
        name: &str,
        on_failure: impl FnOnce() + Send + 'static,
        work: impl FnOnce(&Stop) + Send + 'static,
    ) -> std::io::Result<Self> {
        let stop = Arc::new(Stop::default());
        let seen = Arc::clone(&stop);
        let run = move || {
            let watcher = Watcher { stop: Arc::clone(&seen), on_failure: Some(on_failure) };
            work(&seen);
            drop(watcher);
        };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run)?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop.ask();
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
            && thread.join().is_err()
        {
            tracing::error!("a thread of the Kafka log panicked");
        }
    }
}

#[cfg(test)]
mod tests;
