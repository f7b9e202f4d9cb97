//! Sums that do not lose small addends: Neumaier's variant of Kahan summation,
//! as Prometheus sums.

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KahanSum {
    sum: f64,
    compensation: f64,
}

impl KahanSum {
    pub fn add(&mut self, value: f64) {
        let total = self.sum + value;
        if total.is_infinite() {
            self.compensation = 0.0;
        } else if self.sum.abs() >= value.abs() {
            self.compensation += (self.sum - total) + value;
        } else {
            self.compensation += (value - total) + self.sum;
        }
        self.sum = total;
    }

    pub fn value(&self) -> f64 {
        if self.sum.is_infinite() { self.sum } else { self.sum + self.compensation }
    }

    fn divided(&self, by: f64) -> f64 {
        if self.sum.is_infinite() { self.sum / by } else { self.sum / by + self.compensation / by }
    }

    fn scale(&mut self, factor: f64) {
        self.sum *= factor;
        self.compensation *= factor;
    }
}

/// A mean that turns to incremental form once the sum overflows.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KahanMean {
    /// The sum, or the mean once `incremental`.
    total: KahanSum,
    count: f64,
    incremental: bool,
}

impl KahanMean {
    pub fn add(&mut self, value: f64) {
        self.add_many(value, 1.0);
    }

    /// `count` values that add up to `sum`.
    pub fn add_many(&mut self, sum: f64, count: f64) {
        let before = self.count;
        self.count += count;
        if !self.incremental {
            let mut next = self.total;
            next.add(sum);
            if before == 0.0 || !next.sum.is_infinite() {
                self.total = next;
                return;
            }
            self.incremental = true;
            self.total.scale(1.0 / before);
        }
        self.total.scale(before / self.count);
        self.total.add(sum / self.count);
    }

    /// NaN of nothing.
    pub fn value(&self) -> f64 {
        if self.incremental { self.total.value() } else { self.total.divided(self.count) }
    }
}

/// Welford's variance with compensated mean and squares.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Variance {
    count: f64,
    mean: KahanSum,
    squares: KahanSum,
}

impl Variance {
    pub fn add(&mut self, value: f64) {
        self.count += 1.0;
        let delta = value - self.mean.value();
        self.mean.add(delta / self.count);
        self.squares.add(delta * (value - self.mean.value()));
    }

    pub fn value(&self) -> f64 {
        self.squares.value() / self.count
    }
}

/// The φ-quantile of values, linear between ranks; NaN sorts first. φ outside
/// 0..=1 gives an infinity, no values or a NaN φ give NaN.
pub(crate) fn quantile(phi: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || phi.is_nan() {
        return f64::NAN;
    }
    if phi < 0.0 {
        return f64::NEG_INFINITY;
    }
    if phi > 1.0 {
        return f64::INFINITY;
    }
    values.sort_unstable_by(|a, b| nan_first(*a, *b));
    let rank = phi * (values.len() - 1) as f64;
    let lower = rank.floor() as usize;
    let upper = (lower + 1).min(values.len() - 1);
    let weight = rank - rank.floor();
    values[lower] * (1.0 - weight) + values[upper] * weight
}

pub(crate) fn nan_first(a: f64, b: f64) -> std::cmp::Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| b.is_nan().cmp(&a.is_nan()))
}

#[cfg(test)]
mod tests;
