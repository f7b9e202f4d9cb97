//! The gRPC services: native push and OTLP.

mod otlp;
mod push;
pub(crate) mod status;
mod unary;

use std::sync::Arc;

use tonic::service::Routes;

use crate::service::Gateway;

pub fn routes(gateway: Arc<Gateway>) -> Routes {
    Routes::new(unary::Unary::new(push::Push::new(Arc::clone(&gateway)), &gateway))
        .add_service(unary::Unary::new(otlp::Export::new(Arc::clone(&gateway)), &gateway))
}
