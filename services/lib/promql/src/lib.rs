//! tidegate-promql
