use super::*;

#[test]
fn numbers_have_exponents_where_usual() {
    for (value, text) in [
        (0.0, "0"),
        (-1.5, "-1.5"),
        (1e-4, "0.0001"),
        (1.5e-5, "1.5e-05"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (-2.5e-300, "-2.5e-300"),
        (f64::INFINITY, "+Inf"),
        (f64::NAN, "NaN"),
    ] {
        assert_eq!(general(value), text);
    }
    assert_eq!(plain(1e21), "1000000000000000000000");
}
