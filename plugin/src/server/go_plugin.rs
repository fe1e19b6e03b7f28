//! The services that go-plugin hosts call besides the provider's own.

use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use crate::proto::google::protobuf::Empty as GoogleEmpty;
use crate::proto::grpc::health::v1 as health;
use crate::proto::plugin as wire;

type Answers<T> = BoxStream<'static, Result<T, Status>>;

/// A stream that carries nothing and ends with the server: an open one would hold up the shutdown.
fn silent<T: Send + 'static>(shutdown: &CancellationToken) -> Answers<T> {
    stream::pending().take_until(shutdown.clone().cancelled_owned()).boxed()
}

/// Ends the process when the host asks.
pub(super) struct Controller {
    pub(super) shutdown: CancellationToken,
}

#[tonic::async_trait]
impl wire::grpc_controller_server::GrpcController for Controller {
    async fn shutdown(&self, _: Request<wire::Empty>) -> Result<Response<wire::Empty>, Status> {
        tracing::debug!("the host asked for shutdown");
        self.shutdown.cancel();
        Ok(Response::new(wire::Empty {}))
    }
}

/// Holds the stream open that would carry stdout and stderr. Both are used directly instead.
pub(super) struct Stdio {
    pub(super) shutdown: CancellationToken,
}

#[tonic::async_trait]
impl wire::grpc_stdio_server::GrpcStdio for Stdio {
    async fn stream_stdio(&self, _: Request<GoogleEmpty>) -> Result<Response<Answers<wire::StdioData>>, Status> {
        Ok(Response::new(silent(&self.shutdown)))
    }
}

/// Holds the broker's stream open. Terraform's protocol needs no side connections.
pub(super) struct Broker {
    pub(super) shutdown: CancellationToken,
}

#[tonic::async_trait]
impl wire::grpc_broker_server::GrpcBroker for Broker {
    async fn start_stream(
        &self,
        _: Request<Streaming<wire::ConnInfo>>,
    ) -> Result<Response<Answers<wire::ConnInfo>>, Status> {
        Ok(Response::new(silent(&self.shutdown)))
    }
}

/// Says that the service "plugin" is up.
pub(super) struct Health {
    pub(super) shutdown: CancellationToken,
}

impl Health {
    fn status(service: &str) -> Option<health::HealthCheckResponse> {
        let status = health::health_check_response::ServingStatus::Serving.into();
        matches!(service, "" | "plugin").then_some(health::HealthCheckResponse { status })
    }
}

#[tonic::async_trait]
impl health::health_server::Health for Health {
    async fn check(
        &self,
        request: Request<health::HealthCheckRequest>,
    ) -> Result<Response<health::HealthCheckResponse>, Status> {
        let status = Self::status(&request.into_inner().service);
        status
            .map(Response::new)
            .ok_or_else(|| Status::not_found("unknown service"))
    }

    async fn watch(
        &self,
        request: Request<health::HealthCheckRequest>,
    ) -> Result<Response<Answers<health::HealthCheckResponse>>, Status> {
        let unknown = health::health_check_response::ServingStatus::ServiceUnknown.into();
        let status =
            Self::status(&request.into_inner().service).unwrap_or(health::HealthCheckResponse { status: unknown });
        Ok(Response::new(
            stream::iter([Ok(status)]).chain(silent(&self.shutdown)).boxed(),
        ))
    }
}
