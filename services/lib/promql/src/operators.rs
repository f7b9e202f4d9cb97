//! Operators on two values.

use crate::histogram::{HistogramValue, Incompatible, Side};
use crate::notes::{Note, NoteSet};
use crate::{BinaryOp, SampleValue};

/// What an operator makes of two values.
pub(crate) enum Outcome {
    Value(SampleValue),
    /// A comparison that does not hold.
    Filtered,
    /// The values cannot be combined.
    Impossible,
}

/// A comparison that holds gives the left value.
pub(crate) fn apply(op: BinaryOp, left: &SampleValue, right: &SampleValue, notes: &mut NoteSet) -> Outcome {
    use SampleValue::{Float, Histogram};
    let filtered = |holds: bool| if holds { Outcome::Value(left.clone()) } else { Outcome::Filtered };
    let made = |histogram| Outcome::Value(SampleValue::histogram(histogram));
    let combined = match (left, right) {
        (Float(a), Float(b)) if op.is_comparison() => return filtered(compare(op, *a, *b)),
        (Float(a), Float(b)) if !op.is_trim() => return Outcome::Value(Float(arithmetic(op, *a, *b))),
        (Float(a), Histogram(b)) if op == BinaryOp::Mul => return made(b.scaled(*a)),
        (Histogram(a), Float(b)) => match op {
            BinaryOp::Mul => return made(a.scaled(*b)),
            BinaryOp::Div => return made(a.divided(*b)),
            BinaryOp::TrimUpper => return made(a.trimmed(*b, Side::Below)),
            BinaryOp::TrimLower => return made(a.trimmed(*b, Side::Above)),
            _ => None,
        },
        (Histogram(a), Histogram(b)) => match op {
            BinaryOp::Add => Some(a.add(b, notes)),
            BinaryOp::Sub => Some(a.subtract(b, notes).map(HistogramValue::into_gauge)),
            BinaryOp::Eq => return filtered(a.is_same(b)),
            BinaryOp::Ne => return filtered(!a.is_same(b)),
            _ => None,
        },
        _ => None,
    };
    match combined {
        Some(Ok(histogram)) => made(histogram),
        Some(Err(Incompatible)) => {
            notes.add(Note::IncompatibleHistograms);
            Outcome::Impossible
        }
        None => {
            notes.add(Note::IncompatibleTypes);
            Outcome::Impossible
        }
    }
}

pub(crate) fn arithmetic(op: BinaryOp, a: f64, b: f64) -> f64 {
    match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        BinaryOp::Div => a / b,
        BinaryOp::Mod => a % b,
        BinaryOp::Pow => a.powf(b),
        BinaryOp::Atan2 => a.atan2(b),
        _ => f64::from(u8::from(compare(op, a, b))),
    }
}

fn compare(op: BinaryOp, a: f64, b: f64) -> bool {
    match op {
        BinaryOp::Eq => a == b,
        BinaryOp::Ne => a != b,
        BinaryOp::Lt => a < b,
        BinaryOp::Le => a <= b,
        BinaryOp::Gt => a > b,
        BinaryOp::Ge => a >= b,
        _ => false,
    }
}

pub(crate) fn negate(value: &SampleValue) -> SampleValue {
    match value {
        SampleValue::Float(value) => SampleValue::Float(-value),
        SampleValue::Histogram(histogram) => SampleValue::histogram(histogram.scaled(-1.0)),
    }
}
