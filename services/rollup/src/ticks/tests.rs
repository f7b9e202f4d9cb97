use super::*;

const MOMENT: i64 = 1_000_001_000;

#[test]
fn a_moment_is_a_second_after_a_window_ends() {
    assert_eq!(moment_before(MOMENT), MOMENT);
    assert_eq!(moment_before(MOMENT + 4_999), MOMENT);
    assert_eq!(moment_before(MOMENT - 1), MOMENT - 5_000);
}

#[test]
fn an_idle_partition_is_due_once_a_moment() {
    let pulses = Pulses::default();
    pulses.seen(0, None, true);
    pulses.seen(1, Some(MOMENT - 10), true);
    pulses.seen(2, Some(MOMENT), true);
    assert_eq!(pulses.due(MOMENT + 20), [0, 1]);
    pulses.ticked(&[0, 1], MOMENT + 20);
    assert_eq!(pulses.due(MOMENT + 4_000), Vec::<u16>::new());
    pulses.seen(0, Some(MOMENT + 20), true);
    assert_eq!(pulses.due(MOMENT + 5_000), [0, 1, 2]);
}

#[test]
fn a_partition_with_records_to_read_needs_no_tick() {
    let pulses = Pulses::default();
    pulses.seen(0, Some(MOMENT - 60_000), false);
    assert_eq!(pulses.due(MOMENT), Vec::<u16>::new());
    pulses.seen(0, None, true);
    assert_eq!(pulses.due(MOMENT), [0]);
    pulses.remove(0);
    assert_eq!(pulses.due(MOMENT), Vec::<u16>::new());
}

#[test]
fn ticks_go_on_after_the_clock_was_set_back() {
    let pulses = Pulses::default();
    pulses.seen(0, Some(MOMENT + 3_600_000), true);
    pulses.ticked(&[0], MOMENT + 3_600_000);
    assert_eq!(pulses.due(MOMENT), [0]);
}
