//! tidegate-fold
