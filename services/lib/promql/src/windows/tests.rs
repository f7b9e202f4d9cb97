use tidegate_model::{FloatWindow, Point, Window, WindowValue};

use super::Windows;

fn window(start_ms: i64, samples: &[(i64, f64)]) -> Window {
    let mut float = FloatWindow::empty();
    samples.iter().for_each(|(time_ms, value)| float.push(*time_ms, *value));
    Window { start_ms, value: WindowValue::Float(float) }
}

#[test]
fn windows_of_one_sample_become_points_and_come_back_to_the_bit() {
    let windows = vec![window(0, &[(1_000, -0.0)]), window(5_000, &[(9_999, f64::INFINITY)])];
    let compact = Windows::from(windows.clone());
    let points = [Point { time_ms: 1_000, value: -0.0 }, Point { time_ms: 9_999, value: f64::INFINITY }];
    assert_eq!(compact, Windows::Points(points.to_vec()));
    assert_eq!(format!("{:?}", compact.to_vec()), format!("{windows:?}"));
    assert_eq!((compact.len(), compact.samples()), (2, 2));
}

#[test]
fn a_payload_of_nan_is_kept() {
    let value = f64::from_bits(0x7ff0_0000_0000_0abc);
    let compact = Windows::from(vec![window(0, &[(0, value)])]);
    let Windows::Points(points) = &compact else { panic!("{compact:?}") };
    assert_eq!(points[0].value.to_bits(), value.to_bits());
}

#[test]
fn what_is_more_than_a_sample_stays_as_it_is() {
    let mut stale = window(10_000, &[(10_000, 1.0)]);
    let WindowValue::Float(float) = &mut stale.value else { unreachable!() };
    float.push_stale(11_000);
    for odd in [stale, window(10_000, &[(10_000, 1.0), (12_000, 2.0)]), window(10_000, &[(15_000, 1.0)])] {
        let windows = vec![window(0, &[(0, 1.0)]), odd];
        assert_eq!(Windows::from(windows.clone()), Windows::Any(windows));
    }
}
