//! Generated types and services of the native push protocol (`proto/tidegate/v1`),
//! and those of the Metrics Aggregator Daemon's clients (`proto/mad`).

#[allow(clippy::all, clippy::pedantic)]
pub mod v1 {
    tonic::include_proto!("tidegate.v1");
}

pub mod mad {
    #[allow(clippy::all, clippy::pedantic)]
    pub mod client_v1 {
        tonic::include_proto!("mad.client.v1");
    }

    #[allow(clippy::all, clippy::pedantic)]
    pub mod client_v2 {
        tonic::include_proto!("mad.client.v2");
    }

    #[allow(clippy::all, clippy::pedantic)]
    pub mod client_v3 {
        tonic::include_proto!("mad.client.v3");
    }
}
