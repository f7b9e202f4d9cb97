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

#[track_caller]
fn formatted(query: &str, wanted: &str) {
    let expr = crate::parse(query).unwrap();
    assert_eq!(expr.to_string(), wanted);
    assert_eq!(crate::parse(wanted).unwrap(), expr, "{wanted}");
}

#[test]
fn queries_have_one_form() {
    formatted("SUM(rate(x{ a = 'b' }[300]))by(job)", "sum by (job) (rate(x{a=\"b\"}[5m]))");
    formatted("((a+b))*(c-(d-e))", "(a + b) * (c - (d - e))");
    formatted("(a^b)^c^d", "(a ^ b) ^ c ^ d");
    formatted("-(1 ^ 2) ^ (-x)", "-(1 ^ 2) ^ (-x)");
    formatted("(-1) ^ 2 - -3", "(-1) ^ 2 - -3");
    formatted("x == bool on(a) group_left() y", "x == bool on (a) group_left () y");
    formatted("{\"a.b\", \"c d\"=~\"e\\\\d\"} offset -90m", "{__name__=\"a.b\", \"c d\"=~\"e\\\\d\"} offset -1h30m");
    formatted("(x)[90d:1500ms] @ 5 offset 1w", "x[90d:1s500ms] @ 5.000 offset 1w");
    formatted("topk without () (2, x @ end())", "topk without () (2, x @ end())");
    formatted("a or b and (c or d) </ 1e30", "a or b and (c or d) </ 1e+30");
    formatted("sum_over_time((-x)[5m:1m])", "sum_over_time((-x)[5m:1m])");
}
