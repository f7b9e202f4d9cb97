//! tidegate-schemas
