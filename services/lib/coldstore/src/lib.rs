//! tidegate-coldstore
