//! A small Terraform: starts the test provider as Terraform does and speaks the wire to it.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part")]

pub mod values;

use std::io::{self, BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hyper_util::rt::TokioIo;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use tap_plugin::proto::tfplugin6::provider_client::ProviderClient;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint};

/// Terraform's cookie.
pub const COOKIE: &str = "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2";
/// Nothing here takes longer, even on a busy machine.
pub const LIMIT: Duration = Duration::from_mins(1);

/// The test provider, which cargo has built for this test.
pub fn provider_binary() -> PathBuf {
    env!("CARGO_BIN_EXE_tap-plugin-test-provider").into()
}

/// A certificate as go-plugin makes them (ECDSA P-521, self-signed) and its key.
pub struct Identity {
    pub certificate: CertificateDer<'static>,
    pub key: PrivateKeyDer<'static>,
    pub pem: String,
}

impl Identity {
    pub fn new() -> Self {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512).unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        let pem = certificate.pem();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Self {
            certificate: certificate.der().clone(),
            key,
            pem,
        }
    }
}

/// The line that a provider answers with.
#[derive(Clone, Debug)]
pub struct Greeting {
    pub line: String,
    pub socket: PathBuf,
    pub certificate: Option<CertificateDer<'static>>,
}

impl Greeting {
    fn parse(line: &str) -> Self {
        let fields: Vec<&str> = line.split('|').collect();
        assert_eq!(
            (fields.len(), &fields[..3], fields[4]),
            (6, &["1", "6", "unix"][..], "grpc"),
            "{line}"
        );
        let certificate = STANDARD_NO_PAD.decode(fields[5]).unwrap();
        let certificate = (!certificate.is_empty()).then(|| CertificateDer::from(certificate));
        Self {
            line: line.to_owned(),
            socket: fields[3].into(),
            certificate,
        }
    }
}

/// A running test provider. It is killed when the test ends, should it still run then.
pub struct Provider {
    pub process: Process,
    pub greeting: Greeting,
    pub identity: Identity,
    stderr: Arc<Mutex<String>>,
    stdout: BufReader<ChildStdout>,
}

/// The command that starts the provider, with none of the environment of this process.
pub fn command() -> Command {
    let mut command = Command::new(provider_binary());
    command.env_clear().env("TMPDIR", std::env::temp_dir());
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// The command with Terraform's side of the handshake.
pub fn plugin_command(client_pem: Option<&str>) -> Command {
    let mut command = command();
    command
        .env("TF_PLUGIN_MAGIC_COOKIE", COOKIE)
        .env("PLUGIN_PROTOCOL_VERSIONS", "5,6");
    if let Some(pem) = client_pem {
        command.env("PLUGIN_CLIENT_CERT", pem);
    }
    command
}

/// Collects a stream in the background.
fn collect(stream: impl Read + Send + 'static) -> Arc<Mutex<String>> {
    let collected = Arc::new(Mutex::new(String::new()));
    let sink = Arc::clone(&collected);
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let mut sink = sink.lock().unwrap();
            sink.push_str(&line);
            sink.push('\n');
        }
    });
    collected
}

/// The first line of a process, and the rest of its stdout.
pub async fn first_line(child: &mut Child) -> (String, BufReader<ChildStdout>) {
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let reading = tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        (line.trim_end().to_owned(), stdout)
    });
    tokio::time::timeout(LIMIT, reading)
        .await
        .expect("no line in time")
        .unwrap()
}

/// Waits for the end of a process.
pub async fn exit_code(child: &mut Child) -> Option<i32> {
    let waiting = async {
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status.code();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(LIMIT, waiting).await.expect("still running")
}

/// A process that does not outlive its test.
pub struct Process(pub Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Asked first, so that it removes its socket; it may have ended by itself, too.
        let _ = Command::new("kill")
            .args(["-TERM", &self.0.id().to_string()])
            .stderr(Stdio::null())
            .status();
        for _ in 0..300 {
            if !matches!(self.0.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Provider {
    /// Starts it with mutual TLS, as Terraform does.
    pub async fn start() -> Self {
        let identity = Identity::new();
        let mut command = plugin_command(Some(&identity.pem));
        command.env("TF_LOG", "TRACE");
        Self::spawn(command, identity).await
    }

    pub async fn spawn(mut command: Command, identity: Identity) -> Self {
        let mut process = Process(command.spawn().unwrap());
        let stderr = collect(process.0.stderr.take().unwrap());
        let (line, stdout) = first_line(&mut process.0).await;
        assert!(!line.is_empty(), "no greeting: {}", stderr.lock().unwrap());
        let greeting = Greeting::parse(&line);
        Self {
            process,
            greeting,
            identity,
            stderr,
            stdout,
        }
    }

    /// What it has written to stderr so far.
    pub fn stderr(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// Waits until stderr holds `text`.
    pub async fn wait_for_log(&self, text: &str) {
        let waiting = async {
            while !self.stderr().contains(text) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let waited = tokio::time::timeout(LIMIT, waiting).await;
        assert!(waited.is_ok(), "{text:?} never appeared in: {}", self.stderr());
    }

    /// A channel with the pinned certificate.
    pub async fn channel(&self) -> Channel {
        let identity = Some((self.identity.certificate.clone(), self.identity.key.clone_key()));
        self.channel_as(identity).await.unwrap()
    }

    /// A channel with any certificate, or none.
    pub async fn channel_as(
        &self,
        identity: Option<(CertificateDer<'static>, PrivateKeyDer<'static>)>,
    ) -> Result<Channel, tonic::transport::Error> {
        let certificate = self
            .greeting
            .certificate
            .clone()
            .expect("the provider has no certificate");
        let tls = TlsConnector::from(Arc::new(client_config(certificate, identity)));
        let socket = self.greeting.socket.clone();
        connect(move || {
            let (tls, socket) = (tls.clone(), socket.clone());
            async move {
                let stream = UnixStream::connect(socket).await?;
                tls.connect(ServerName::try_from("localhost").unwrap(), stream).await
            }
        })
        .await
    }

    /// A client with the pinned certificate.
    pub async fn client(&self) -> ProviderClient<Channel> {
        ProviderClient::new(self.channel().await).max_decoding_message_size(256 << 20)
    }

    /// Waits for the end; gives the exit code and what came on stdout after the greeting.
    pub async fn ended(mut self) -> (Option<i32>, String) {
        let code = exit_code(&mut self.process.0).await;
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        (code, rest)
    }
}

fn client_config(
    server: CertificateDer<'static>,
    identity: Option<(CertificateDer<'static>, PrivateKeyDer<'static>)>,
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(server).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap();
    let config = config.with_root_certificates(roots);
    let mut config = match identity {
        // Unchecked, because one test presents a certificate without its key.
        Some((certificate, key)) => {
            let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).unwrap();
            let certified = CertifiedKey::new(vec![certificate], key);
            config.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(certified)))
        }
        None => config.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

/// A channel over any kind of stream.
pub async fn connect<S, F>(open: impl Fn() -> F + Send + 'static) -> Result<Channel, tonic::transport::Error>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    F: Future<Output = io::Result<S>> + Send + 'static,
{
    let connector = tower::service_fn(move |_| {
        let stream = open();
        async move { stream.await.map(TokioIo::new) }
    });
    Endpoint::from_static("http://localhost")
        .connect_with_connector(connector)
        .await
}

/// A channel without TLS.
pub async fn connect_plain(socket: &Path) -> Channel {
    let socket = socket.to_owned();
    connect(move || UnixStream::connect(socket.clone())).await.unwrap()
}
