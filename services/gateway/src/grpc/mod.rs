//! The gRPC services: native push and OTLP.

mod message;
mod otlp;
mod push;
pub(crate) mod status;
mod unary;

use std::sync::Arc;

use tonic::service::Routes;

use crate::service::Gateway;

pub fn routes(gateway: Arc<Gateway>) -> Routes {
    Routes::new(unary::Unary::<push::Push>::new(&gateway)).add_service(unary::Unary::<otlp::Export>::new(&gateway))
}
