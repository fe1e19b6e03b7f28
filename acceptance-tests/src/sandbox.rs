//! The sandbox AWS: one ministack on 127.0.0.1 for as long as the value lives.

use crate::process::ProcessGroup;
use crate::{Aws, Error, Request, Result, paths};
use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// The region of a test that does not care.
pub const DEFAULT_REGION: &str = "us-east-1";

/// The account that unsigned calls, such as `curl` on an invoke URL, land in.
pub const DEFAULT_ACCOUNT: &str = "000000000000";

const READY_WITHIN: Duration = Duration::from_mins(1);
const START_ATTEMPTS: usize = 3;
const LOG_TAIL_LINES: usize = 30;
const LOGS_KEPT_FOR: Duration = Duration::from_hours(24);

/// A running sandbox; dropping it ends the server and every function it runs.
#[derive(Debug)]
pub struct Sandbox {
    // Declared first, so that the processes end before their folder goes.
    process: ProcessGroup,
    endpoint: String,
    log_file: PathBuf,
    next_account: AtomicU64,
    _state: tempfile::TempDir,
}

impl Sandbox {
    /// Starts ministack on a free port of 127.0.0.1 and waits until it answers.
    ///
    /// # Errors
    /// [`Error::NotBuilt`] without `make setup`, [`Error::SandboxStart`] with the log's end otherwise.
    pub async fn start() -> Result<Self> {
        let mut attempt = 1;
        loop {
            match Self::start_once().await {
                // Between finding a free port and binding it, somebody else can take it.
                Err(Error::SandboxStart { .. }) if attempt < START_ATTEMPTS => attempt += 1,
                result => return result,
            }
        }
    }

    async fn start_once() -> Result<Self> {
        let port = free_port()?;
        let endpoint = format!("http://{}:{port}", Ipv4Addr::LOCALHOST);
        let folder = paths::create_dir(paths::target_dir().join("sandbox"))?;
        remove_old_logs(&folder);
        let state = tempfile::Builder::new()
            .prefix("run-")
            .tempdir_in(&folder)
            .map_err(Error::file(&folder))?;
        let log_file = folder.join(format!("{}-{port}.log", std::process::id()));
        let process = ProcessGroup::spawn(&mut launch_command(port, &endpoint, state.path(), &log_file)?)?;
        let mut sandbox = Self {
            process,
            endpoint,
            log_file,
            next_account: AtomicU64::new(1),
            _state: state,
        };
        sandbox.wait_until_ready().await?;
        Ok(sandbox)
    }

    async fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + READY_WITHIN;
        let url = format!("{}/_ministack/ready", self.endpoint);
        loop {
            if let Some(status) = self.process.try_wait()? {
                return Err(self.start_error(format!("it ended with {status}")));
            }
            if let Ok(answer) = Request::new(http::Method::GET, &url).send().await
                && answer.status.is_success()
            {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(self.start_error(format!("no answer within {} s", READY_WITHIN.as_secs())));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn start_error(&self, reason: String) -> Error {
        let text = std::fs::read_to_string(&self.log_file).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let log = lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n");
        Error::SandboxStart {
            reason,
            log_file: self.log_file.clone(),
            log,
        }
    }

    /// A fresh, empty account in [`DEFAULT_REGION`]: tests in one sandbox do not see each other.
    pub fn aws(&self) -> Aws {
        let number = self.next_account.fetch_add(1, Ordering::Relaxed);
        self.account(&format!("{:012}", 200_000_000_000 + number))
    }

    /// The account with this 12-digit id in [`DEFAULT_REGION`].
    pub fn account(&self, id: &str) -> Aws {
        Aws::new(&self.endpoint, id)
    }

    /// The URL of all services, such as `http://127.0.0.1:40123`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The server's log, kept after it has ended.
    pub fn log_file(&self) -> &Path {
        &self.log_file
    }

    /// The server's process id; it leads a process group that holds the functions too.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }
}

/// Logs are kept for looking into a failed test; every test writes one.
fn remove_old_logs(folder: &Path) {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let old = |file: &std::fs::DirEntry| -> std::io::Result<bool> {
        let age = file.metadata()?.modified()?.elapsed().unwrap_or_default();
        Ok(file.path().extension().is_some_and(|kind| kind == "log") && age > LOGS_KEPT_FOR)
    };
    for file in files.filter(|file| old(file).unwrap_or(false)) {
        // Another test may have removed it.
        let _ = std::fs::remove_file(file.path());
    }
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Error::program("bind"))?;
    Ok(listener.local_addr().map_err(Error::program("bind"))?.port())
}

/// See "How it is started" in docs/sandbox.md for the reason of each variable.
fn launch_command(port: u16, endpoint: &str, state: &Path, log_file: &Path) -> Result<Command> {
    let log = File::create(log_file).map_err(Error::file(log_file))?;
    let temp = paths::create_dir(state.join("tmp"))?;
    let mut command = Command::new(paths::sandbox_python()?);
    command
        .arg(paths::sandbox_launcher())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", state)
        .env("TAP_SANDBOX_FOLDER", state)
        .env("BIND_HOST", "127.0.0.1")
        .env("MINISTACK_HOST", "127.0.0.1")
        .env("GATEWAY_PORT", port.to_string())
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("IOT_MTLS_ENABLED", "0")
        .env("SFTP_ENABLED", "0")
        .env("DOCKER_HOST", "unix:///nonexistent/docker.sock")
        .env("TMPDIR", temp)
        .env("S3_DATA_DIR", state.join("s3"))
        .env("STATE_DIR", state.join("state"))
        // The launcher ends the group when this pipe closes, so even `kill -9` of a test leaves nothing behind.
        .stdin(Stdio::piped())
        .stdout(log.try_clone().map_err(Error::file(log_file))?)
        .stderr(log);
    Ok(command)
}
