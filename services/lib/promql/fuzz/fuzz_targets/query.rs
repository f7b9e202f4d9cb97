#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tidegate_promql::{ParseError, Range, evaluate, parse, selections};
use tidegate_promql_fuzz::{START_MS, Small, limits};

static SOURCE: LazyLock<Small> = LazyLock::new(Small::default);

// The first byte chooses the range, the rest is the query.
fuzz_target!(|input: (u8, &str)| {
    let (choice, query) = input;
    let Ok(expr) = parse(query) else { return };
    // What is shown of an expression is an expression, and the same one.
    let shown = expr.to_string();
    match parse(&shown) {
        Ok(again) => assert_eq!(again.to_string(), shown),
        // Each sign of a row of them is shown with parentheses.
        Err(ParseError::TooDeep { .. }) => {}
        Err(error) => panic!("a shown expression cannot be read: {error}: {shown}"),
    }
    let end_ms = START_MS + 600_000;
    let range = match choice % 3 {
        0 => Range { start_ms: end_ms, end_ms, step_ms: 0 },
        1 => Range { start_ms: START_MS, end_ms, step_ms: 15_000 },
        _ => Range { start_ms: START_MS - 1_000_000, end_ms: i64::from(choice) * 1_000_000_000, step_ms: i64::MAX / 4 },
    };
    selections(&expr, &range);
    evaluate(&expr, &range, &*SOURCE, &limits()).ok();
});
