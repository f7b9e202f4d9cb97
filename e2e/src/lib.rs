//! tidegate-e2e
