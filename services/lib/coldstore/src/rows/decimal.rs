//! Doubles that are decimal numbers, as whole numbers: 12.34 is 1234 with two
//! places.

use tidegate_schemas::parquet::MAX_SUM_SCALE;

/// How many decimal places the digits of a series have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scale(u8);

const POWERS: [f64; MAX_SUM_SCALE + 1] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

/// Whole numbers up to this size are exact as doubles.
const MAX_DIGITS: f64 = 9_007_199_254_740_992.0;

/// Values that have no digits at all before the rest is not looked at.
const GIVE_UP_AFTER: usize = 8;

impl Scale {
    /// The fewest places that give all of the values digits that can have any.
    pub fn of(values: impl Iterator<Item = f64>) -> Self {
        let (mut scale, mut found, mut without) = (Self::default(), false, 0);
        for value in values {
            match (usize::from(scale.0)..POWERS.len())
                .map(|places| Self(places as u8))
                .find(|s| s.digits(value).is_some())
            {
                Some(enough) => (scale, found) = (enough, true),
                None => without += 1,
            }
            if without == GIVE_UP_AFTER && !found {
                break;
            }
        }
        scale
    }

    pub fn of_places(places: i32) -> Option<Self> {
        u8::try_from(places).ok().filter(|places| usize::from(*places) < POWERS.len()).map(Self)
    }

    pub fn places(self) -> i32 {
        self.0.into()
    }

    /// The digits of which [`Scale::value`] makes `value`, to the bit. NaN,
    /// infinities and −0 have none.
    pub fn digits(self, value: f64) -> Option<i64> {
        let digits = (value * POWERS[usize::from(self.0)]).round();
        if digits.abs() > MAX_DIGITS {
            return None;
        }
        let digits = digits as i64;
        (self.value(digits).to_bits() == value.to_bits()).then_some(digits)
    }

    pub fn value(self, digits: i64) -> f64 {
        digits as f64 / POWERS[usize::from(self.0)]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_fewest_places_are_found() {
        for (values, places) in [
            (&[1.0, 2.0][..], 0),
            (&[1.0, 0.25, 3.5], 2),
            (&[1e-9], 9),
            (&[f64::NAN, 0.5], 1),
            (&[std::f64::consts::PI, std::f64::consts::E], 0),
        ] {
            assert_eq!(Scale::of(values.iter().copied()).places(), places, "{values:?}");
        }
    }

    #[test]
    fn what_is_no_decimal_number_has_no_digits() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 1e300, 1e-300, std::f64::consts::PI] {
            assert_eq!((0..=9).find_map(|places| Scale::of_places(places)?.digits(value)), None, "{value}");
        }
    }

    proptest! {
        #[test]
        fn decimal_numbers_have_their_digits(digits in -9_000_000_000_000i64..9_000_000_000_000, places in 0i32..=9) {
            let scale = Scale::of_places(places).unwrap();
            let value: f64 = format!("{digits}e-{places}").parse().unwrap();
            prop_assert_eq!(scale.digits(value), Some(digits));
        }

        #[test]
        fn digits_give_the_value_to_the_bit(value in any::<f64>(), places in 0i32..=9) {
            let scale = Scale::of_places(places).unwrap();
            if let Some(digits) = scale.digits(value) {
                prop_assert_eq!(scale.value(digits).to_bits(), value.to_bits());
            }
        }
    }
}
