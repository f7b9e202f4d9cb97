//! Generated types and services of the native push protocol (`proto/tidegate/v1`).

#[allow(clippy::all, clippy::pedantic)]
pub mod v1 {
    tonic::include_proto!("tidegate.v1");
}
