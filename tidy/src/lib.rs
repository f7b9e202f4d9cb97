//! tidegate-tidy
