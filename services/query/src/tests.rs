//! The target as a whole, over HTTP.

mod anywhere;
mod api;
mod bad_input;
mod dashboards;
mod held;
mod hostile;
mod limits;
mod look_ups;
mod seam;
mod streams;
mod tiers;
