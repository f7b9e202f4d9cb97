//! tidegate-compactor
