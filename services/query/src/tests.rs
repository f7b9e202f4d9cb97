//! The target as a whole, over HTTP.

mod api;
mod bad_input;
mod seam;
mod streams;
