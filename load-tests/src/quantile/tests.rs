use super::*;

#[test]
fn quantiles_are_of_the_nearest_rank() {
    let mut latencies = Latencies::default();
    for ms in (1..=100).rev() {
        latencies.add(Duration::from_millis(ms));
    }
    let expected = [1, 50, 99, 100].map(Duration::from_millis);
    assert_eq!(latencies.quantiles([0.0, 0.5, 0.99, 1.0]), expected);
    assert_eq!(Latencies::default().quantiles([0.5]), [Duration::ZERO]);
}
