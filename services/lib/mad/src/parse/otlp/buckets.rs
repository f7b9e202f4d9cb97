//! The middles of an exponential histogram's buckets, by the arithmetic of the
//! Java code: from powers of two where the scale has only those, else by `exp`.

#[derive(Clone, Copy, Debug)]
pub(super) enum Middles {
    /// More than one bucket to a doubling: what an index is divided by, and the
    /// way from a lower bound to its middle.
    Positive { factor: f64, multiplier: f64 },
    /// By how many bits an index is shifted to be an exponent.
    PowersOfTwo { shift: u32 },
}

impl Middles {
    pub fn new(scale: i32) -> Self {
        if scale > 0 {
            let factor = (1.0 / 2.0f64.ln()) * 2.0f64.powi(scale);
            return Self::Positive { factor, multiplier: 0.5 * (1.0 + (1.0 / factor).exp()) };
        }
        // Java shifts by the lower five bits.
        Self::PowersOfTwo { shift: scale.wrapping_neg().cast_unsigned() & 31 }
    }

    pub fn of(self, index: i32) -> f64 {
        match self {
            Self::Positive { factor, multiplier } => multiplier * (f64::from(index) / factor).exp(),
            Self::PowersOfTwo { shift } => {
                let bound = |index: i32| power_of_two(index.wrapping_shl(shift));
                (bound(index) + bound(index.wrapping_add(1))) / 2.0
            }
        }
    }
}

/// Beyond the exponents of a double it is what their bits happen to be, in Java
/// too.
fn power_of_two(exponent: i32) -> f64 {
    const BIAS: i64 = 1023;
    f64::from_bits(((i64::from(exponent) + BIAS) << 52).cast_unsigned())
}
