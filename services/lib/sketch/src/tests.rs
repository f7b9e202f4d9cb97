use proptest::prelude::*;

use super::*;

fn finite() -> impl Strategy<Value = f64> {
    prop_oneof![
        -1e12..1e12f64,
        -1.0..1.0f64,
        any::<f64>().prop_filter("finite and normal", |v| v.is_normal() || *v == 0.0),
    ]
}

fn exact_quantile(sorted: &[f64], q: f64) -> f64 {
    let rank = ((q * sorted.len() as f64).ceil() as usize).max(1);
    sorted[rank - 1]
}

proptest! {
    #[test]
    fn merging_is_associative_and_commutative(
        a in prop::collection::vec(finite(), 0..50),
        b in prop::collection::vec(finite(), 0..50),
        c in prop::collection::vec(finite(), 0..50),
    ) {
        let [a, b, c]: [Sketch; 3] = [a, b, c].map(|values| values.into_iter().collect());
        let join = |x: &Sketch, y: &Sketch| {
            let mut joined = x.clone();
            joined.merge(y);
            joined
        };
        prop_assert_eq!(join(&a, &b), join(&b, &a));
        prop_assert_eq!(join(&join(&a, &b), &c), join(&a, &join(&b, &c)));
    }

    #[test]
    fn quantiles_stay_within_the_stated_error(
        mut values in prop::collection::vec(finite(), 1..300),
        q in 0.0..=1.0f64,
    ) {
        let sketch: Sketch = values.iter().copied().collect();
        values.sort_by(f64::total_cmp);
        let exact = exact_quantile(&values, q);
        let got = sketch.quantile(q).unwrap();
        prop_assert!(
            (got - exact).abs() <= exact.abs() * RELATIVE_ERROR,
            "quantile {} is {}, exact {}", q, got, exact
        );
    }

    #[test]
    fn a_key_bounds_its_values(value in finite()) {
        let key = BucketKey::of(value);
        prop_assert!(key.inner_bound().abs() <= value.abs());
        prop_assert!(value.abs() < key.outer_bound().abs());
        prop_assert_eq!(BucketKey::of(key.inner_bound()), key);
    }

    #[test]
    fn keys_are_ordered_as_their_values(a in finite(), b in finite()) {
        if a < b {
            prop_assert!(BucketKey::of(a) <= BucketKey::of(b));
        }
    }
}

#[test]
fn an_empty_sketch_has_no_quantile() {
    assert_eq!(Sketch::new().quantile(0.5), None);
    assert_eq!([1.0].into_iter().collect::<Sketch>().quantile(1.5), None);
}

#[test]
fn keys_of_more_than_19_bits_are_refused() {
    assert_eq!(BucketKey::from_bits(1 << 19), None);
    assert_eq!(BucketKey::from_bits(BucketKey::of(3.0).bits()), Some(BucketKey::of(3.0)));
}
