//! Kinds of units with scales, in requests of their own: most are refused.

use tidegate_testkit::{Random, wire};

use crate::cases::{Cases, Phase};
use crate::client::{quantity_v1, quantity_v2, record_v12};

/// Every `step`th of all numbers that version 1 and 2 have, and some that they do not have.
pub fn every(cases: &mut Cases, base_ms: i64, step: usize) {
    let version_2 = (0..=14).flat_map(|kind| (0..=30).map(move |scale| (2, kind, scale)));
    let version_1 = (0..=13).flat_map(|kind| (0..=29).map(move |scale| (1, kind, scale)));
    let mut random = Random::new(0);
    for (version, kind, scale) in version_2.chain(version_1).step_by(step) {
        let what = format!("version {version}, type {kind}, scale {scale}");
        let case = cases.name("unit", &what);
        let unit = Some((kind, scale));
        let quantity = if version == 2 { quantity_v2(1234.5, unit) } else { quantity_v1(1234.5, unit) };
        let metric = (3, format!("all/unit/{kind}/{scale}"), vec![quantity]);
        let mut body = Vec::new();
        wire::bytes(&mut body, 1, &record_v12(&mut random, &case, base_ms, &[metric]));
        cases.http(what, Phase::First, &format!("/metrics/v{version}/application"), body);
    }
}
