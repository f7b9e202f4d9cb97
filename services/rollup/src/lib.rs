//! tidegate-rollup
