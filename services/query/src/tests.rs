//! The target as a whole, over HTTP.

mod api;
mod bad_input;
mod held;
mod seam;
mod streams;
mod tiers;
