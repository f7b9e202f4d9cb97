//! Work on many series, spread over threads.

use std::panic::resume_unwind;
use std::thread;

/// Cells below which another thread costs more than it saves.
const CELLS_PER_THREAD: usize = 50_000;

/// Maps in order, on as many threads as `cells`, the size of all the work,
/// deserves and `max_threads` allows; the calling one among them.
pub(crate) fn map<T: Send, R: Send>(
    mut items: Vec<T>,
    cells: usize,
    max_threads: usize,
    work: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let threads = (cells / CELLS_PER_THREAD).clamp(1, max_threads.max(1)).min(items.len().max(1));
    let share = items.len().div_ceil(threads).max(1);
    let work = &work;
    thread::scope(|scope| {
        let mut others = Vec::new();
        while items.len() > share {
            let part = items.split_off(items.len() - share);
            others.push(scope.spawn(move || part.into_iter().map(work).collect::<Vec<R>>()));
        }
        let mut done: Vec<R> = items.into_iter().map(work).collect();
        for other in others.into_iter().rev() {
            done.append(&mut other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        done
    })
}

#[cfg(test)]
mod tests;
