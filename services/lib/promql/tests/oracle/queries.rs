//! Queries at random over the series of [`crate::data`]: every function,
//! operator and modifier that needs no feature flag, most of them well typed.

use crate::data::{BEGIN_MS, LENGTH_MS};
use crate::random::Random;
use crate::wire::Query;

pub fn queries(seed: u64, count: usize) -> Vec<Query> {
    let mut random = Random::new(seed ^ 0xabcd_ef01);
    (0..count).map(|_| query(&mut random)).collect()
}

fn query(random: &mut Random) -> Query {
    let mut writer = Writer { random, depth: 0 };
    let expr = match writer.random.below(40) {
        0 => writer.scalar(),
        1 => "\"a \\\"text\\\"\"".to_owned(),
        2 => writer.matrix(),
        3 => writer.broken(),
        _ => writer.vector(),
    };
    let expr = without_shortcuts(expr);
    let start_ms = BEGIN_MS + random.between(-60_000, LENGTH_MS + 200_000);
    if random.one_in(3) {
        return Query { expr, start_ms, end_ms: start_ms, step_ms: 0 };
    }
    let step_ms = random.pick(&[5_000, 15_000, 30_000, 60_000, 7_300]);
    let end_ms = start_ms + step_ms * random.between(1, 9) + random.between(0, step_ms - 1);
    Query { expr, start_ms, end_ms, step_ms }
}

/// Where only counts and sums are asked for, Prometheus does not decode buckets:
/// it sees resets of gauges differently, and no custom bounds. With NaN
/// observations it reads a quantile from a wrong bucket, and with negative counts
/// from an empty one. No such queries.
fn without_shortcuts(expr: String) -> String {
    let of_counts = ["histogram_count", "histogram_sum", "histogram_avg"].iter().any(|name| expr.contains(name));
    let mut expr = expr;
    if expr.contains("histogram_quantile") {
        expr = expr.replace("noisy", "durations");
        for name in HISTOGRAMS {
            expr = expr.replace(&format!("-{name}"), name);
        }
        expr = expr.replace("-(", "(");
    }
    if of_counts { expr.replace("sizes", "durations").replace("waits", "durations") } else { expr }
}

const FLOATS: [&str; 9] = [
    "requests_total",
    "errors_total",
    "temperature",
    "queue",
    "info",
    "latency_bucket",
    "{\"http.duration\"}",
    "{__name__=~\"queue|temperature\"}",
    "{__name__=~\"requests.*\", code!=\"500\"}",
];
const HISTOGRAMS: [&str; 5] = ["durations", "noisy", "sizes", "waits", "changed"];
const MATCHERS: [&str; 11] = [
    "job=\"api\"",
    "job!=\"api\"",
    "instance=~\"a|b\"",
    "instance!~\"b.*\"",
    "zone=\"eu\"",
    "code=\"200\"",
    "missing=\"\"",
    "missing=\"x\"",
    "\"host.name\"=\"ä\"",
    "le=~\".+\"",
    "instance='a'",
];
const LABELS: [&str; 7] = ["job", "instance", "code", "zone", "le", "pod", "missing"];
const OF_FLOAT: [&str; 28] = [
    "abs",
    "ceil",
    "floor",
    "exp",
    "ln",
    "log2",
    "log10",
    "sqrt",
    "sgn",
    "round",
    "sin",
    "cos",
    "tan",
    "asin",
    "acos",
    "atan",
    "sinh",
    "cosh",
    "tanh",
    "asinh",
    "acosh",
    "atanh",
    "deg",
    "rad",
    "sort",
    "sort_desc",
    "absent",
    "timestamp",
];
const OF_TIME: [&str; 8] =
    ["minute", "hour", "day_of_week", "day_of_month", "day_of_year", "days_in_month", "month", "year"];
const OF_HISTOGRAM: [&str; 5] =
    ["histogram_count", "histogram_sum", "histogram_avg", "histogram_stddev", "histogram_stdvar"];
const OF_RANGE: [&str; 20] = [
    "rate",
    "rate",
    "increase",
    "delta",
    "irate",
    "idelta",
    "deriv",
    "resets",
    "changes",
    "avg_over_time",
    "sum_over_time",
    "min_over_time",
    "max_over_time",
    "count_over_time",
    "present_over_time",
    "stddev_over_time",
    "stdvar_over_time",
    "last_over_time",
    "first_over_time",
    "absent_over_time",
];
const AGGREGATIONS: [&str; 8] = ["sum", "avg", "min", "max", "count", "group", "stddev", "stdvar"];
const ARITHMETIC: [&str; 7] = ["+", "-", "*", "/", "%", "^", "atan2"];
const COMPARISONS: [&str; 6] = ["==", "!=", "<", "<=", ">", ">="];
const SETS: [&str; 3] = ["and", "or", "unless"];

struct Writer<'a> {
    random: &'a mut Random,
    depth: usize,
}

impl Writer<'_> {
    fn vector(&mut self) -> String {
        self.depth += 1;
        let deep = self.depth > 3;
        let text = match self.random.below(if deep { 6 } else { 24 }) {
            0..=2 => self.instant(),
            3..=5 => self.of_range(),
            6..=8 => self.aggregation(),
            9..=11 => self.binary(),
            12 | 13 => self.of_float(),
            14..=17 => self.of_histogram(),
            18 => self.labels_changed(),
            19 => format!("({})", self.vector()),
            20 => format!("-{}", self.vector()),
            21 => format!("{}({})", self.random.pick(&["vector", "vector", "Vector"]).to_lowercase(), self.scalar()),
            22 => self.of_time(),
            _ => format!("{} # why\n", self.vector()),
        };
        self.depth -= 1;
        text
    }

    fn selector(&mut self) -> String {
        let name = if self.random.one_in(3) { self.random.pick(&HISTOGRAMS) } else { self.random.pick(&FLOATS) };
        let matchers: Vec<_> = if self.random.one_in(2) { vec![] } else { vec![self.random.pick(&MATCHERS)] };
        match name.strip_suffix('}') {
            Some(open) => format!("{}}}", [vec![open], matchers].concat().join(",")),
            None if matchers.is_empty() => name.to_owned(),
            None => format!("{name}{{{}}}", matchers.join(",")),
        }
    }

    fn modifiers(&mut self) -> String {
        let mut text = String::new();
        if self.random.one_in(6) {
            text += &format!(" offset {}", self.random.pick(&["1m", "-1m", "37s", "5m", "90", "-0x1e"]));
        }
        if self.random.one_in(8) {
            let at = format!("{}.25", (BEGIN_MS + self.random.between(0, LENGTH_MS)) / 1000);
            text += &format!(" @ {}", self.random.pick(&["start()", "end()", &at, "1_700_000_300"]));
        }
        text
    }

    fn instant(&mut self) -> String {
        self.selector() + &self.modifiers()
    }

    fn matrix(&mut self) -> String {
        let range = self.random.pick(&["5m", "5m", "1m", "30s", "12s", "10m", "2m30s", "90", "0x5a", "1e2"]);
        if self.depth < 3 && self.random.one_in(4) {
            let step = self.random.pick(&["", "15s", "20s", "1m", "7s"]);
            if self.random.one_in(2) {
                return format!("{}[{range}:{step}]{}", self.instant(), self.modifiers());
            }
            // With `@` Prometheus evaluates more of the inside than it uses, and
            // annotates that too: no `@` outside.
            let offset = self.random.pick(&["", "", " offset 1m", " offset -40s"]);
            return format!("({})[{range}:{step}]{offset}", self.vector());
        }
        format!("{}[{range}]{}", self.selector(), self.modifiers())
    }

    fn of_range(&mut self) -> String {
        match self.random.below(10) {
            0 => format!("quantile_over_time({}, {})", self.scalar(), self.matrix()),
            1 => format!("predict_linear({}, {})", self.matrix(), self.scalar()),
            _ => format!("{}({})", self.random.pick(&OF_RANGE), self.matrix()),
        }
    }

    fn of_float(&mut self) -> String {
        let name = self.random.pick(&OF_FLOAT);
        // Of large numbers these make large differences of the last digit.
        let vector = if ["sin", "cos", "tan"].contains(&name) { self.instant() } else { self.vector() };
        match self.random.below(8) {
            0 => format!("clamp({vector}, {}, {})", self.scalar(), self.scalar()),
            1 => format!("clamp_min({vector}, {})", self.scalar()),
            2 => format!("clamp_max({vector}, {})", self.scalar()),
            3 => format!("round({vector}, {})", self.scalar()),
            _ => format!("{name}({vector})"),
        }
    }

    fn of_time(&mut self) -> String {
        let argument = match self.random.below(4) {
            0 => String::new(),
            1 => "timestamp(temperature)".to_owned(),
            2 => format!("vector({})", self.random.between(-3_000_000_000, 9_000_000_000)),
            _ => self.instant(),
        };
        format!("{}({argument})", self.random.pick(&OF_TIME))
    }

    fn of_histogram(&mut self) -> String {
        let name = self.random.pick(&["durations", "noisy", "sizes", "waits", "latency_bucket", "changed"]);
        let modifiers = self.modifiers();
        let vector = match self.random.below(6) {
            0 => format!("{name}{modifiers}"),
            1 => format!("rate({name}[5m]{modifiers})"),
            2 => format!("sum by (le, job) (rate({name}[2m]{modifiers}))"),
            3 => format!("avg_over_time({name}[1m]{modifiers})"),
            4 => format!("sum without (instance) ({name}{modifiers})"),
            _ => self.vector(),
        };
        match self.random.below(4) {
            0 => {
                format!(
                    "histogram_quantile({}, {vector})",
                    self.random.pick(&["0.5", "0.99", "0", "1", "0.1", "NaN", "2"])
                )
            }
            1 => format!("histogram_fraction({}, {}, {vector})", self.scalar(), self.scalar()),
            2 => format!("{}({vector})", self.random.pick(&OF_HISTOGRAM)),
            _ => {
                let op = self.random.pick(&["</", ">/"]);
                format!("({vector}) {op} {}", self.random.pick(&["0.7", "4", "-3", "0", "1e3", "Inf"]))
            }
        }
    }

    fn labels_changed(&mut self) -> String {
        let vector = self.vector();
        let label = self.random.pick(&LABELS);
        match self.random.below(3) {
            0 => format!("label_join({vector}, \"new\", \"-\", \"job\", \"{label}\")"),
            1 => format!("label_replace({vector}, \"{label}\", \"$1-x\", \"instance\", \"(.)\")"),
            _ => format!("label_replace({vector}, \"__name__\", \"renamed_${{1}}\", \"job\", \"(.*)\")"),
        }
    }

    fn grouping(&mut self) -> String {
        let labels = self.random.some_of(&LABELS).join(", ");
        match self.random.below(3) {
            0 => String::new(),
            1 => format!(" by ({labels})"),
            _ => format!(" without ({labels})"),
        }
    }

    fn aggregation(&mut self) -> String {
        let grouping = self.grouping();
        let vector = self.vector();
        // Which of equal values are shown follows the order of the input, which
        // is random where Prometheus computes with classic histograms and in
        // subqueries.
        let depth = std::mem::replace(&mut self.depth, 3);
        let ordered = if self.random.one_in(2) { self.instant() } else { self.of_range() };
        self.depth = depth;
        let (name, arguments) = match self.random.below(12) {
            0 => ("topk", format!("{}, {ordered}", self.random.pick(&["1", "3", "0", "-1", "2.7", "NaN"]))),
            1 => ("bottomk", format!("{}, {ordered}", self.random.pick(&["1", "2", "5"]))),
            2 => ("quantile", format!("{}, {vector}", self.random.pick(&["0.5", "0.9", "0", "1", "-1", "NaN", "1.5"]))),
            // Labels show the last digit: nothing that was summed up, and no bounds
            // of exponential buckets, which Prometheus has from a table that is
            // off by one here and there.
            3 => {
                let counted =
                    self.instant().replace("durations", "waits").replace("sizes", "waits").replace("noisy", "waits");
                ("count_values", format!("\"value\", {}", counted.replace("changed", "waits")))
            }
            _ => (self.random.pick(&AGGREGATIONS), vector),
        };
        if self.random.one_in(2) {
            format!("{name}{grouping} ({arguments})")
        } else {
            format!("{name}({arguments}){grouping}")
        }
    }

    fn matching(&mut self, grouped: bool) -> String {
        let labels = self.random.some_of(&LABELS).join(", ");
        let mut text = match self.random.below(4) {
            0 | 1 => return String::new(),
            2 => format!(" on ({labels})"),
            _ => format!(" ignoring ({labels})"),
        };
        if grouped {
            match self.random.below(4) {
                0 => text += " group_left",
                1 => text += " group_left (version)",
                2 => text += " group_right ()",
                _ => {}
            }
        }
        text
    }

    fn binary(&mut self) -> String {
        let left = self.operand();
        if self.random.one_in(4) {
            let op = self.random.pick(&SETS);
            let right = self.vector();
            return format!("{left} {op}{} {right}", self.matching(false));
        }
        let (op, is_comparison) = if self.random.one_in(2) {
            (self.random.pick(&ARITHMETIC), false)
        } else {
            (self.random.pick(&COMPARISONS), true)
        };
        if op == "%" {
            // A quotient of 1e9 makes 1e-7 of a last digit: only of samples.
            let divisor = self.random.pick(&["3", "0.5", "-7", "0", "temperature", "Inf"]);
            return format!("{} % {divisor}", self.instant());
        }
        let bool_ = if is_comparison && self.random.one_in(3) { " bool" } else { "" };
        match self.random.below(7) {
            0 => format!("{left} {op}{bool_} {}", self.scalar()),
            1 => format!("{} {op}{bool_} {left}", self.scalar()),
            2 => {
                let name = self.random.pick(&["requests_total", "info", "durations"]);
                let group = self.random.pick(&["", " group_left (version)", " group_left"]);
                format!("{name} {op}{bool_} on (job, instance){group} info")
            }
            3 => {
                let name =
                    self.random.pick(&["durations", "sizes", "waits", "changed", "temperature", "requests_total"]);
                format!("{name} {op}{bool_} {name}{}", self.modifiers())
            }
            4 => {
                // Stored histograms hold empty buckets, which tell them from sums.
                let histograms = ["durations", "sizes", "waits"];
                let name = if is_comparison { "requests_total" } else { self.random.pick(&histograms) };
                format!("{name} {op}{bool_} on (instance) sum by (instance) ({name})")
            }
            _ => {
                let right = self.operand();
                format!("{left} {op}{bool_}{} {right}", self.matching(true))
            }
        }
    }

    fn operand(&mut self) -> String {
        if self.random.one_in(2) { self.instant() } else { self.vector() }
    }

    fn scalar(&mut self) -> String {
        const NUMBERS: [&str; 14] =
            ["0", "1", "2", "-1", "0.5", "10", "3.25", "-7", "0x10", "1e3", "5m", "Inf", "-Inf", "NaN"];
        match self.random.below(14) {
            0 => "time()".to_owned(),
            1 => "pi()".to_owned(),
            2 => format!("scalar({})", self.instant()),
            3 => format!(
                "({} {} {})",
                self.random.pick(&NUMBERS),
                self.random.pick(&ARITHMETIC),
                self.random.pick(&NUMBERS)
            ),
            4 => format!("(1 {} bool {})", self.random.pick(&COMPARISONS), self.random.pick(&NUMBERS)),
            5 => format!("-{}", self.random.pick(&["2 ^ 2", "time()", "3"])),
            _ => self.random.pick(&NUMBERS).to_owned(),
        }
    }

    /// Queries that are wrong, or nearly so.
    fn broken(&mut self) -> String {
        let vector = self.vector();
        match self.random.below(24) {
            0 => format!("rate({vector})"),
            1 => format!("sum({vector}"),
            2 => format!("{vector} offset"),
            3 => format!("no_such_function({vector})"),
            4 => "1 == 2".to_owned(),
            5 => format!("{vector} and 1"),
            6 => "{}".to_owned(),
            7 => "{missing=\"\"}".to_owned(),
            8 => format!("topk({vector})"),
            9 => format!("sort_by_label({vector}, \"job\")"),
            10 => format!("limitk(1, {vector})"),
            11 => "requests_total[5m] offset 1m [5m]".to_owned(),
            12 => "requests_total offset 1m offset 2m".to_owned(),
            13 => "requests_total{job=~\"(\"}".to_owned(),
            14 => format!("label_replace({vector}, \"\", \"x\", \"job\", \".*\")"),
            15 => format!("{vector} + bool {vector}"),
            16 => "requests_total[0s]".to_owned(),
            17 => "requests_total{__name__=\"x\"}".to_owned(),
            18 => "requests_total + on (job) group_left (job) info".to_owned(),
            19 => "requests_total[5m] + 1".to_owned(),
            20 => "sum by (\"host.name\") ({\"http.duration\"})".to_owned(),
            21 => "\u{fffd}requests_total".to_owned(),
            22 => "1 +".to_owned(),
            _ => "requests_total @ Inf".to_owned(),
        }
    }
}
