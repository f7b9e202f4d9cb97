//! tidegate-query
