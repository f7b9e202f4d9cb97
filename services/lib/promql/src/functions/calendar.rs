//! Parts of a date, in UTC: of values in Unix seconds, or of the step's time.

use tidegate_model::Labels;
use tidegate_model::time::civil_date;

use super::{Arity, Function};
use crate::ValueType::Vector;
use crate::eval::Evaluator;
use crate::steps::Steps;
use crate::value::{Series, Value};
use crate::{Call, EvalError, SampleValue};

pub(super) const FUNCTIONS: &[Function] = &[
    part("minute", |evaluator, call, steps| each(evaluator, call, steps, |date| date.second_of_day / 60 % 60)),
    part("hour", |evaluator, call, steps| each(evaluator, call, steps, |date| date.second_of_day / 3600)),
    part("day_of_week", |evaluator, call, steps| each(evaluator, call, steps, |date| date.weekday)),
    part("day_of_month", |evaluator, call, steps| each(evaluator, call, steps, |date| date.day)),
    part("day_of_year", |evaluator, call, steps| each(evaluator, call, steps, Date::day_of_year)),
    part("days_in_month", |evaluator, call, steps| each(evaluator, call, steps, Date::days_in_month)),
    part("month", |evaluator, call, steps| each(evaluator, call, steps, |date| date.month)),
    part("year", |evaluator, call, steps| each(evaluator, call, steps, |date| date.year)),
];

const fn part(name: &'static str, eval: fn(&mut Evaluator<'_>, &Call, &Steps) -> Result<Value, EvalError>) -> Function {
    Function::custom(name, &[Vector], eval).taking(Arity::LastOptional)
}

fn each(evaluator: &mut Evaluator<'_>, call: &Call, steps: &Steps, part: fn(&Date) -> i64) -> Result<Value, EvalError> {
    let Some(arg) = call.args.first() else {
        let cell = |step| Some(SampleValue::Float(part(&Date::of(steps.time_ms(step).div_euclid(1000))) as f64));
        let cells = (0..steps.count).map(cell).collect();
        return Ok(Value::Vector(vec![Series { labels: Labels::empty(), cells }]));
    };
    let vector = evaluator.vector(arg, steps)?;
    Ok(Value::Vector(evaluator.map_floats(vector, |value, _| part(&Date::of(whole_seconds(value))) as f64)?))
}

/// What is no time becomes the earliest one, as in Prometheus on x86-64.
fn whole_seconds(value: f64) -> i64 {
    if value >= i64::MIN as f64 && value < i64::MAX as f64 { value as i64 } else { i64::MIN }
}

struct Date {
    year: i64,
    /// 1..=12
    month: i64,
    /// 1..=31
    day: i64,
    /// 0: Sunday.
    weekday: i64,
    second_of_day: i64,
}

/// Days from the beginning of Go's clock, 292,277,022,400 years of 146,097 days
/// in 400 before 0000-03-01, to 1970.
const CLOCK_DAYS: i64 = 292_277_022_400 / 400 * 146_097 + 719_468;

impl Date {
    /// Seconds before the beginning of Go's clock come out at its end.
    fn of(unix_s: i64) -> Self {
        let since = unix_s.wrapping_add(CLOCK_DAYS * 86_400) as u64;
        let (days, second_of_day) = ((since / 86_400) as i64, (since % 86_400) as i64);
        let (year, month, day) = civil_date(days - CLOCK_DAYS);
        Self { year, month: month.into(), day: day.into(), weekday: (days + 3) % 7, second_of_day }
    }

    fn is_leap_year(&self) -> bool {
        self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0)
    }

    fn days_in_month(&self) -> i64 {
        match self.month {
            2 => 28 + i64::from(self.is_leap_year()),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }

    fn day_of_year(&self) -> i64 {
        const BEFORE: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
        let before = BEFORE.get(self.month as usize - 1).copied().unwrap_or(0);
        before + self.day + i64::from(self.month > 2 && self.is_leap_year())
    }
}

#[cfg(test)]
mod tests;
