//! Serving a provider to Terraform: handshake, transport, shutdown.

mod go_plugin;
mod handshake;
mod listener;
mod tls;
#[cfg(unix)]
mod unix;

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;

use crate::logging;
use crate::proto::grpc::health::v1::health_server::HealthServer;
use crate::proto::plugin::grpc_broker_server::GrpcBrokerServer;
use crate::proto::plugin::grpc_controller_server::GrpcControllerServer;
use crate::proto::plugin::grpc_stdio_server::GrpcStdioServer;
use crate::proto::tfplugin6::provider_server::ProviderServer;
use crate::provider::Provider;
use crate::service::{Calls, ProviderService, install_panic_hook};
use handshake::{Handshake, PROTOCOL_VERSION, Placement};
use listener::{Address, Listener};

/// The largest message in either direction, as in Terraform: 256 MiB.
const MESSAGE_LIMIT: usize = 256 << 20;
/// What is left to calls in flight at shutdown. go-plugin kills a plugin two seconds after asking it to end.
const SHUTDOWN_GRACE: Duration = Duration::from_millis(1500);

/// How to serve.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// The provider's address in the registry: `registry.terraform.io/<namespace>/<name>`.
    pub address: String,
    /// Serve without a handshake and print what to export as `TF_REATTACH_PROVIDERS`: for debuggers.
    pub debug: bool,
}

impl ServeOptions {
    /// Options for being started by Terraform.
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            debug: false,
        }
    }

    /// Options from the command line: `-debug` or `--debug`. Other arguments are ignored, as go-plugin does.
    pub fn from_args(address: impl Into<String>, arguments: impl IntoIterator<Item = String>) -> Self {
        let debug = arguments
            .into_iter()
            .any(|argument| argument == "-debug" || argument == "--debug");
        Self::new(address).debug(debug)
    }

    /// Sets debug mode.
    #[must_use]
    pub fn debug(self, debug: bool) -> Self {
        Self { debug, ..self }
    }

    /// The last part of the address.
    fn name(&self) -> &str {
        self.address.rsplit('/').next().unwrap_or_default()
    }
}

/// Why serving failed.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Somebody started the provider by hand.
    #[error(
        "This program is a Terraform provider. Terraform or OpenTofu starts it; by itself it does nothing.\n\
         Name it under required_providers in a configuration and run `terraform init`.\n\
         To attach a debugger, start it with -debug."
    )]
    NotStartedByTerraform,
    /// The host speaks other protocols only.
    #[error(
        "the host offers the plugin protocol versions {offered:?}, this provider speaks {PROTOCOL_VERSION}: Terraform 1.0 or later is needed"
    )]
    ProtocolVersion {
        /// What the host offers.
        offered: String,
    },
    /// The host's certificate is not readable.
    #[error("PLUGIN_CLIENT_CERT holds no certificate in PEM form")]
    ClientCertificate,
    /// No certificate for this process could be made.
    #[error("cannot make a certificate: {0}")]
    OwnCertificate(#[from] rcgen::Error),
    /// TLS could not be set up.
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// No socket could be opened.
    #[error("cannot listen: {0}")]
    Listen(#[source] io::Error),
    /// The handshake could not be answered.
    #[error("cannot write to stdout: {0}")]
    Output(#[source] io::Error),
    /// The server broke.
    #[error("the gRPC server failed: {0}")]
    Transport(#[from] tonic::transport::Error),
}

/// All that a `main` needs: serves, prints what went wrong, and gives the exit code.
pub async fn run(provider: Arc<dyn Provider>, options: ServeOptions) -> ExitCode {
    match serve(provider, options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves a provider until the host ends it. From the handshake on, nothing else may write to stdout.
pub async fn serve(provider: Arc<dyn Provider>, options: ServeOptions) -> Result<(), ServeError> {
    let variable = |name: &str| std::env::var(name).ok();
    let host = if options.debug {
        None
    } else {
        Some(Handshake::read(&variable)?)
    };
    logging::init(options.name());
    install_panic_hook();

    let placement = host
        .as_ref()
        .map_or_else(|| Placement::read(&variable), |host| host.placement.clone());
    let tls = match host.as_ref().and_then(|host| host.client_certificate.as_deref()) {
        Some(pem) => Some(tls::server(pem)?),
        None => None,
    };
    let listener = Listener::bind(&placement).await.map_err(ServeError::Listen)?;
    let address = listener.address().map_err(ServeError::Listen)?;
    let shutdown = CancellationToken::new();
    end_on_signals(&shutdown, options.debug);

    // Before the greeting, so that a provider that cannot even be described fails the handshake.
    let calls = Calls::default();
    let service = ProviderService::new(provider, calls.clone());

    // Connections wait in the socket's queue until the server takes them.
    let certificate = tls.as_ref().map(|(_, certificate)| certificate.as_ref());
    let greeting = if options.debug {
        format!("{}\n", reattach_line(&options.address, &address))
    } else {
        handshake::answer(&address, certificate)
    };
    write_out(&greeting).map_err(ServeError::Output)?;

    let acceptor = tls.map(|(config, _)| TlsAcceptor::from(config));
    serve_connections(service, calls, &listener, acceptor, &shutdown).await
}

async fn serve_connections(
    service: ProviderService,
    calls: Calls,
    listener: &Listener,
    tls: Option<TlsAcceptor>,
    shutdown: &CancellationToken,
) -> Result<(), ServeError> {
    let service = ProviderServer::new(service)
        .max_decoding_message_size(MESSAGE_LIMIT)
        .max_encoding_message_size(MESSAGE_LIMIT);
    let (ready, incoming) = mpsc::channel(16);
    let incoming = futures::stream::unfold(incoming, |mut incoming| async move {
        incoming.recv().await.map(|connection| (connection, incoming))
    });
    let server = Server::builder()
        .add_service(service)
        .add_service(GrpcControllerServer::new(go_plugin::Controller {
            shutdown: shutdown.clone(),
        }))
        .add_service(GrpcStdioServer::new(go_plugin::Stdio {
            shutdown: shutdown.clone(),
        }))
        .add_service(GrpcBrokerServer::new(go_plugin::Broker {
            shutdown: shutdown.clone(),
        }))
        .add_service(HealthServer::new(go_plugin::Health {
            shutdown: shutdown.clone(),
        }))
        .serve_with_incoming_shutdown(incoming, shutdown.cancelled());
    let orderly = async {
        server.await?;
        // Calls of clients that hung up are not the server's any more, but their work is ours to finish.
        calls.stop();
        calls.finished().await;
        Ok(())
    };
    let accepting = async {
        listener::accept(listener, tls, ready).await;
        // The server takes no more connections: it is for `orderly` to say when the rest is done.
        std::future::pending::<()>().await;
    };
    let grace = async {
        shutdown.cancelled().await;
        calls.stop();
        tokio::time::sleep(SHUTDOWN_GRACE).await;
    };
    tokio::select! {
        ended = orderly => ended,
        () = accepting => Ok(()),
        () = grace => {
            tracing::warn!("ending with calls still in flight");
            Ok(())
        }
    }
}

/// What a developer exports so that Terraform uses this very process.
fn reattach_line(provider: &str, address: &Address) -> String {
    let reattach = json!({
        provider: {
            "Protocol": "grpc",
            "ProtocolVersion": PROTOCOL_VERSION,
            "Pid": std::process::id(),
            "Test": true,
            "Addr": { "Network": address.network, "String": address.address },
        }
    });
    format!("TF_REATTACH_PROVIDERS='{reattach}'")
}

fn write_out(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Ctrl-C reaches the whole process group: Terraform decides what it means and calls `StopProvider`, so it is
/// ignored here, as in go-plugin. A debugged provider ends with it. SIGTERM always ends in good order.
fn end_on_signals(shutdown: &CancellationToken, debug: bool) {
    let interrupted = shutdown.clone();
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            if debug {
                interrupted.cancel();
            }
        }
    });
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let terminated = shutdown.clone();
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::spawn(async move {
                terminate.recv().await;
                terminated.cancel();
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reattach_line_is_what_terraform_reads() {
        let address = Address {
            network: "unix",
            address: "/tmp/p/grpc.sock".into(),
        };
        let line = reattach_line("registry.terraform.io/example/tap", &address);
        let json = line
            .strip_prefix("TF_REATTACH_PROVIDERS='")
            .unwrap()
            .strip_suffix('\'')
            .unwrap();
        let json: serde_json::Value = serde_json::from_str(json).unwrap();
        let entry = &json["registry.terraform.io/example/tap"];
        assert_eq!(entry["Addr"]["String"], "/tmp/p/grpc.sock");
        assert_eq!(entry["ProtocolVersion"].to_string(), "6");
        assert_eq!(entry["Pid"].to_string(), std::process::id().to_string());
    }

    #[test]
    fn options_from_the_command_line() {
        let options = |arguments: &[&str]| {
            ServeOptions::from_args(
                "registry.terraform.io/example/tap",
                arguments.iter().map(ToString::to_string),
            )
        };
        assert!(!options(&["provider"]).debug && options(&["provider", "-debug"]).debug);
        assert_eq!(options(&[]).name(), "tap");
    }
}
