use super::*;

/// A process whose memory and CPU time a test decides on.
#[derive(Default)]
struct Process {
    thrift: Thrift,
    cpu_ticks: u64,
}

impl Process {
    /// A second later.
    fn look(&mut self, ticks: u64, file_mib: u64) -> bool {
        self.cpu_ticks += ticks;
        self.thrift.look(Usage { cpu_ticks: self.cpu_ticks, file_bytes: file_mib * 1024 * 1024 })
    }
}

#[test]
fn pages_are_given_back_when_the_start_is_over() {
    let mut process = Process::default();
    assert!(!process.look(5, 17), "nothing is known of the time before");
    assert!(!process.look(3, 17), "it works");
    assert!(process.look(1, 17));
    for _ in 0..100 {
        assert!(!process.look(0, 7), "what is left is used");
    }
}

#[test]
fn what_requests_have_brought_goes_when_they_are_over() {
    let mut process = Process::default();
    process.look(0, 17);
    assert!(process.look(0, 17));
    assert!(!process.look(0, 7));
    for _ in 0..10 {
        assert!(!process.look(20, 12), "they still come");
    }
    assert!(process.look(0, 12));
    assert!(!process.look(0, 7));
    // One that takes next to no time each ten seconds.
    for _ in 0..10 {
        assert!(process.look(1, 10));
        for _ in 0..9 {
            assert!(!process.look(0, 7));
        }
    }
}

#[test]
fn what_came_by_chance_just_after_is_not_taken_for_needed() {
    let mut process = Process::default();
    process.look(0, 17);
    assert!(process.look(0, 17));
    assert!(!process.look(0, 12));
    assert!(process.look(0, 14), "more than is used as it seems");
    assert!(!process.look(0, 7), "so little is");
    assert!(process.look(0, 12));
}

#[test]
fn what_is_used_all_the_time_is_soon_left_alone() {
    let mut process = Process::default();
    process.look(0, 17);
    process.look(0, 17);
    process.look(0, 7);
    // From now on something asks each second.
    let given = (0..1_000).filter(|_| process.look(1, 10)).count();
    assert!((10..50).contains(&given), "{given} times in 1,000 s");
    // And then no longer.
    let later = (0..100).position(|_| process.look(0, 10)).expect("it is tried again");
    assert!(later <= 2 * MAX_PAUSE as usize, "{later} s");
    assert!(!process.look(0, 7));
    assert!(process.look(0, 10), "as at first");
}

#[test]
fn the_kernel_tells_what_this_process_uses() {
    let usage = Usage::read().expect("it tells");
    assert!(usage.file_bytes > 100 * 1024, "{usage:?}");
}
