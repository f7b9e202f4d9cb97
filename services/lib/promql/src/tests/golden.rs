use crate::testing::Memory;

/// Two jobs with two instances each, at 300 s; a counter scraped every 30 s.
fn memory() -> Memory {
    let gauge = |job, instance| [("__name__", "g"), ("job", job), ("instance", instance)];
    Memory::default()
        .floats(&gauge("api", "a"), &[(300_000, 1.0)])
        .floats(&gauge("api", "b"), &[(300_000, 2.0)])
        .floats(&gauge("web", "a"), &[(300_000, 3.0)])
        .floats(&gauge("web", "b"), &[(300_000, 5.0)])
        .floats(&[("__name__", "cap"), ("job", "api"), ("zone", "x")], &[(300_000, 10.0)])
        .floats(&[("__name__", "cap"), ("job", "web"), ("zone", "y")], &[(300_000, 20.0)])
        .floats(
            &[("__name__", "c_total")],
            &(0..=10)
                .map(|n| (n * 30_000, if n < 6 { n as f64 * 10.0 } else { (n - 6) as f64 * 10.0 }))
                .collect::<Vec<_>>(),
        )
        .floats(&[("__name__", "neg")], &[(300_000, -2.5)])
}

fn check(cases: &[(&str, &[(&str, f64)])]) {
    let memory = memory();
    for (query, expected) in cases {
        let got = memory.vector(query, 300_000);
        let same = got.len() == expected.len()
            && got.iter().zip(*expected).all(|((labels, value), (expected_labels, expected_value))| {
                let close = (value - expected_value).abs() <= 1e-12 * expected_value.abs().max(1.0);
                labels == expected_labels
                    && (close || value == expected_value || value.is_nan() && expected_value.is_nan())
            });
        assert!(same, "{query}\n  gives    {got:?}\n  expected {expected:?}");
    }
}

#[test]
fn aggregations() {
    check(&[
        ("sum(g)", &[("{}", 11.0)]),
        ("sum by (job) (g)", &[("{job=\"api\"}", 3.0), ("{job=\"web\"}", 8.0)]),
        ("sum without (job) (g)", &[("{instance=\"a\"}", 4.0), ("{instance=\"b\"}", 7.0)]),
        ("avg by (job) (g)", &[("{job=\"api\"}", 1.5), ("{job=\"web\"}", 4.0)]),
        ("min(g)", &[("{}", 1.0)]),
        ("max(g)", &[("{}", 5.0)]),
        ("count by (job) (g)", &[("{job=\"api\"}", 2.0), ("{job=\"web\"}", 2.0)]),
        ("group(g)", &[("{}", 1.0)]),
        ("stdvar(g)", &[("{}", 2.1875)]),
        ("stddev(g)", &[("{}", 2.1875f64.sqrt())]),
        ("quantile(0.5, g)", &[("{}", 2.5)]),
        ("quantile(2, g)", &[("{}", f64::INFINITY)]),
        ("quantile(-1, g)", &[("{}", f64::NEG_INFINITY)]),
        ("topk(2, g)", &[("g{instance=\"b\", job=\"web\"}", 5.0), ("g{instance=\"a\", job=\"web\"}", 3.0)]),
        (
            "bottomk by (job) (1, g)",
            &[("g{instance=\"a\", job=\"api\"}", 1.0), ("g{instance=\"a\", job=\"web\"}", 3.0)],
        ),
        ("topk(0, g)", &[]),
        (
            "count_values by (job) (\"v\", g > 1)",
            &[("{job=\"api\", v=\"2\"}", 1.0), ("{job=\"web\", v=\"3\"}", 1.0), ("{job=\"web\", v=\"5\"}", 1.0)],
        ),
        ("sum(nothing)", &[]),
    ]);
}

#[test]
fn operators() {
    check(&[
        ("1 + 2 * 3 ^ 2", &[("scalar", 19.0)]),
        ("-2 ^ 2", &[("scalar", -4.0)]),
        ("7 % 4 - 1 / 4", &[("scalar", 2.75)]),
        ("1 > bool 2", &[("scalar", 0.0)]),
        ("neg * 2", &[("{}", -5.0)]),
        ("-neg", &[("{}", 2.5)]),
        ("neg % 2", &[("{}", -0.5)]),
        ("1 atan2 vector(1)", &[("{}", std::f64::consts::FRAC_PI_4)]),
        ("g > 2", &[("g{instance=\"a\", job=\"web\"}", 3.0), ("g{instance=\"b\", job=\"web\"}", 5.0)]),
        ("4 < g", &[("g{instance=\"b\", job=\"web\"}", 5.0)]),
        ("g{job=\"web\"} >= bool 5", &[("{instance=\"a\", job=\"web\"}", 0.0), ("{instance=\"b\", job=\"web\"}", 1.0)]),
        ("sum by (job) (g) / on (job) cap", &[("{job=\"api\"}", 0.3), ("{job=\"web\"}", 0.4)]),
        ("sum by (job) (g) / ignoring (zone) cap", &[("{job=\"api\"}", 0.3), ("{job=\"web\"}", 0.4)]),
        (
            "g{instance=\"a\"} * on (job) group_left (zone) cap",
            &[("{instance=\"a\", job=\"api\", zone=\"x\"}", 10.0), ("{instance=\"a\", job=\"web\", zone=\"y\"}", 60.0)],
        ),
        (
            "cap - on (job) group_right () g{instance=\"b\"}",
            &[("{instance=\"b\", job=\"api\"}", 8.0), ("{instance=\"b\", job=\"web\"}", 15.0)],
        ),
        ("g{job=\"api\"} == on (job, instance) g{instance=\"b\"}", &[("{instance=\"b\", job=\"api\"}", 2.0)]),
        (
            "g and on (job) cap{zone=\"x\"}",
            &[("g{instance=\"a\", job=\"api\"}", 1.0), ("g{instance=\"b\", job=\"api\"}", 2.0)],
        ),
        (
            "g unless on (job) cap{zone=\"x\"} > 2",
            &[("g{instance=\"a\", job=\"web\"}", 3.0), ("g{instance=\"b\", job=\"web\"}", 5.0)],
        ),
        (
            "neg or g{job=\"api\"}",
            &[("g{instance=\"a\", job=\"api\"}", 1.0), ("g{instance=\"b\", job=\"api\"}", 2.0), ("neg{}", -2.5)][..],
        ),
    ]);
}

#[test]
fn functions_of_one_value() {
    check(&[
        ("abs(neg)", &[("{}", 2.5)]),
        ("ceil(neg)", &[("{}", -2.0)]),
        ("floor(neg)", &[("{}", -3.0)]),
        ("round(neg)", &[("{}", -2.0)]),
        ("round(vector(2.37), 0.1)", &[("{}", 2.4)]),
        (
            "clamp(g, 2, 3)",
            &[
                ("{instance=\"a\", job=\"api\"}", 2.0),
                ("{instance=\"a\", job=\"web\"}", 3.0),
                ("{instance=\"b\", job=\"api\"}", 2.0),
                ("{instance=\"b\", job=\"web\"}", 3.0),
            ],
        ),
        ("clamp(neg, 3, 2)", &[]),
        ("clamp_min(neg, 0)", &[("{}", 0.0)]),
        ("clamp_max(neg, -5)", &[("{}", -5.0)]),
        ("exp(vector(0))", &[("{}", 1.0)]),
        ("ln(vector(-1))", &[("{}", f64::NAN)]),
        ("ln(vector(0))", &[("{}", f64::NEG_INFINITY)]),
        ("log2(vector(8))", &[("{}", 3.0)]),
        ("log10(vector(1000))", &[("{}", 3.0)]),
        ("sqrt(vector(9))", &[("{}", 3.0)]),
        ("sgn(neg)", &[("{}", -1.0)]),
        ("scalar(neg)", &[("scalar", -2.5)]),
        ("scalar(g)", &[("scalar", f64::NAN)]),
        ("time()", &[("scalar", 300.0)]),
        ("timestamp(neg)", &[("{}", 300.0)]),
        ("sort(g{job=\"web\"})", &[("g{instance=\"a\", job=\"web\"}", 3.0), ("g{instance=\"b\", job=\"web\"}", 5.0)]),
        (
            "sort_desc(g{job=\"web\"})",
            &[("g{instance=\"b\", job=\"web\"}", 5.0), ("g{instance=\"a\", job=\"web\"}", 3.0)],
        ),
        ("absent(neg)", &[]),
        ("absent(x{job=\"api\", zone=~\"y\"})", &[("{job=\"api\"}", 1.0)]),
        ("absent_over_time(x{job=\"api\"}[5m])", &[("{job=\"api\"}", 1.0)]),
        ("absent_over_time(neg[5m])", &[]),
        (
            "label_replace(cap, \"area\", \"$1-$job\", \"zone\", \"(.)\")",
            &[("cap{area=\"x-\", job=\"api\", zone=\"x\"}", 10.0), ("cap{area=\"y-\", job=\"web\", zone=\"y\"}", 20.0)],
        ),
        (
            "label_join(cap, \"both\", \"/\", \"job\", \"zone\")",
            &[
                ("cap{both=\"api/x\", job=\"api\", zone=\"x\"}", 10.0),
                ("cap{both=\"web/y\", job=\"web\", zone=\"y\"}", 20.0),
            ],
        ),
    ]);
}

/// The counter reads 0, 10, …, 50 at 0 s, …, 150 s, is reset and reads 0, 10,
/// …, 40 at 180 s, …, 300 s.
#[test]
fn functions_of_ranges() {
    check(&[
        // (180, 300]: 210…300 read 10…40: growth 30 in 90 s, mean distance 30 s.
        // 30 s to the start is within 1.1 distances; the zero lies 30 s before.
        ("increase(c_total[2m])", &[("{}", 40.0)]),
        ("rate(c_total[2m])", &[("{}", 40.0 / 120.0)]),
        ("delta(c_total[2m])", &[("{}", 40.0)]),
        // (120, 300]: 150…300 read 50, 0, …, 40: growth 40 − 50 + 50 in 150 s,
        // 30 s to the start, the zero far before it.
        ("increase(c_total[3m])", &[("{}", 40.0 * 180.0 / 150.0)]),
        ("irate(c_total[3m])", &[("{}", 10.0 / 30.0)]),
        ("idelta(c_total[3m])", &[("{}", 10.0)]),
        ("resets(c_total[5m])", &[("{}", 1.0)]),
        ("changes(c_total[5m])", &[("{}", 9.0)]),
        ("deriv(c_total[2m])", &[("{}", 10.0 / 30.0)]),
        ("sum_over_time(c_total[2m])", &[("{}", 100.0)]),
        ("avg_over_time(c_total[2m])", &[("{}", 25.0)]),
        ("min_over_time(c_total[2m])", &[("{}", 10.0)]),
        ("max_over_time(c_total[5m])", &[("{}", 50.0)]),
        ("count_over_time(c_total[2m])", &[("{}", 4.0)]),
        ("present_over_time(c_total[2m])", &[("{}", 1.0)]),
        ("last_over_time(c_total[2m])", &[("c_total{}", 40.0)]),
        ("first_over_time(c_total[2m])", &[("c_total{}", 10.0)]),
        ("quantile_over_time(0.5, c_total[2m])", &[("{}", 25.0)]),
        ("stdvar_over_time(c_total[2m])", &[("{}", 125.0)]),
        ("stddev_over_time(c_total[2m])", &[("{}", 125f64.sqrt())]),
        // One sample is no rate.
        ("rate(c_total[30s])", &[]),
        // 60, 120, 180, 240, 300 s.
        ("sum_over_time(c_total[5m:1m])", &[("{}", 20.0 + 40.0 + 0.0 + 20.0 + 40.0)]),
        ("max_over_time(rate(c_total[1m])[2m:30s])", &[("{}", 20.0 / 60.0)]),
        // (120, 180]: 150 and 180 s.
        ("sum_over_time(c_total[1m] offset 2m)", &[("{}", 50.0)]),
        ("sum_over_time(c_total[1m] @ 150)", &[("{}", 90.0)]),
    ]);
}

#[test]
fn classic_histograms() {
    let bucket = |le| [("__name__", "h_bucket"), ("le", le), ("job", "api")];
    let memory = Memory::default()
        .floats(&bucket("0.1"), &[(0, 0.0), (60_000, 50.0)])
        .floats(&bucket("0.5"), &[(0, 0.0), (60_000, 80.0)])
        .floats(&bucket("1"), &[(0, 0.0), (60_000, 95.0)])
        .floats(&bucket("+Inf"), &[(0, 0.0), (60_000, 100.0)]);
    for (query, expected) in [
        // Rank 50 ends the first bucket, 90 is 10 of 15 into the third.
        ("histogram_quantile(0.5, h_bucket)", 0.1),
        ("histogram_quantile(0.9, h_bucket)", 0.5 + 0.5 * 10.0 / 15.0),
        ("histogram_quantile(0.99, h_bucket)", 1.0),
        ("histogram_quantile(0.25, h_bucket)", 0.05),
        ("histogram_quantile(-1, h_bucket)", f64::NEG_INFINITY),
        ("histogram_quantile(1.1, h_bucket)", f64::INFINITY),
        ("histogram_fraction(0, 0.5, h_bucket)", 0.8),
        ("histogram_fraction(0.1, 0.3, h_bucket)", 0.15),
    ] {
        let got = memory.vector(query, 60_000);
        assert_eq!(got.len(), 1, "{query}");
        assert_eq!(got[0].0, "{job=\"api\"}");
        assert!(got[0].1 == expected || (got[0].1 - expected).abs() < 1e-12, "{query}: {} not {expected}", got[0].1);
    }
    assert!(memory.one("histogram_quantile(0.5, h_bucket{le!=\"+Inf\"})", 60_000).is_nan());
}
