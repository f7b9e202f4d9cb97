//! Operators on two values.

use std::sync::Arc;

use crate::histogram::Incompatible;
use crate::notes::{Note, NoteSet};
use crate::{BinaryOp, SampleValue};

/// `None`: a comparison that does not hold, or values that cannot be combined.
/// A comparison that holds gives the left value.
pub(crate) fn apply(op: BinaryOp, left: &SampleValue, right: &SampleValue, notes: &mut NoteSet) -> Option<SampleValue> {
    use SampleValue::{Float, Histogram};
    match (left, right) {
        (Float(a), Float(b)) if op.is_comparison() => compare(op, *a, *b).then_some(Float(*a)),
        (Float(a), Float(b)) => Some(Float(arithmetic(op, *a, *b))),
        (Histogram(a), Float(b)) if op == BinaryOp::Mul => Some(SampleValue::histogram(a.scaled(*b))),
        (Histogram(a), Float(b)) if op == BinaryOp::Div => Some(SampleValue::histogram(a.divided(*b))),
        (Float(a), Histogram(b)) if op == BinaryOp::Mul => Some(SampleValue::histogram(b.scaled(*a))),
        (Histogram(a), Histogram(b)) => {
            let combined = match op {
                BinaryOp::Add => a.add(b),
                BinaryOp::Sub => a.subtract(b),
                BinaryOp::Eq => return (a == b).then(|| Histogram(Arc::clone(a))),
                BinaryOp::Ne => return (a != b).then(|| Histogram(Arc::clone(a))),
                _ => {
                    notes.add(Note::IncompatibleTypes);
                    return None;
                }
            };
            combined.map_err(|Incompatible| notes.add(Note::IncompatibleHistograms)).ok().map(SampleValue::histogram)
        }
        _ => {
            notes.add(Note::IncompatibleTypes);
            None
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
