//! The windows of a series in as little memory as they need.

use tidegate_model::time::window_start_ms;
use tidegate_model::{FloatWindow, Point, Window, WindowValue};

/// Ascending by start, at most one per (start, kind).
#[derive(Clone, Debug, PartialEq)]
pub enum Windows {
    /// Windows of one float sample and nothing else, which most series have: an
    /// eighth of the memory.
    Points(Vec<Point>),
    Any(Vec<Window>),
}

impl Windows {
    pub fn len(&self) -> usize {
        match self {
            Self::Points(points) => points.len(),
            Self::Any(windows) => windows.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many samples they sum up.
    pub fn samples(&self) -> u64 {
        match self {
            Self::Points(points) => points.len() as u64,
            Self::Any(windows) => windows.iter().map(|window| u64::from(window.value.samples())).sum(),
        }
    }

    pub fn into_vec(self) -> Vec<Window> {
        match self {
            Self::Points(_) => self.to_vec(),
            Self::Any(windows) => windows,
        }
    }

    /// In full.
    pub fn to_vec(&self) -> Vec<Window> {
        match self {
            Self::Points(points) => points.iter().map(in_full).collect(),
            Self::Any(windows) => windows.clone(),
        }
    }
}

impl Default for Windows {
    fn default() -> Self {
        Self::Points(Vec::new())
    }
}

impl From<Vec<Window>> for Windows {
    fn from(windows: Vec<Window>) -> Self {
        match windows.iter().map(as_point).collect() {
            Some(points) => Self::Points(points),
            None => Self::Any(windows),
        }
    }
}

impl FromIterator<Window> for Windows {
    fn from_iter<I: IntoIterator<Item = Window>>(windows: I) -> Self {
        windows.into_iter().collect::<Vec<_>>().into()
    }
}

/// The sample of a window on the 5 s grid that is nothing but that.
pub fn as_point(window: &Window) -> Option<Point> {
    let WindowValue::Float(float) = &window.value else { return None };
    float.as_one().filter(|point| window_start_ms(point.time_ms) == window.start_ms)
}

/// The window of a sample.
pub fn in_full(point: &Point) -> Window {
    let value = WindowValue::Float(FloatWindow::one(point.time_ms, point.value));
    Window { start_ms: window_start_ms(point.time_ms), value }
}

#[cfg(test)]
mod tests;
