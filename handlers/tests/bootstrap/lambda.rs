//! A Lambda service for one function: runs the binary and speaks the runtime API to it.

use std::collections::HashMap;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot};

use super::wire::Connection;

const PATIENCE: Duration = Duration::from_mins(1);

/// A failed invocation or start, as Lambda reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) error_type: String,
    pub(crate) message: String,
}

impl Failure {
    fn from_body(body: &[u8]) -> Self {
        let body: Value = serde_json::from_slice(body).expect("an error document");
        let text = |name: &str| body[name].as_str().expect("error fields are text").to_owned();
        Self {
            error_type: text("errorType"),
            message: text("errorMessage"),
        }
    }
}

struct Invocation {
    event: Value,
    time_limit: Duration,
    answer: oneshot::Sender<Result<Value, Failure>>,
}

#[derive(Default)]
struct Pending {
    answers: HashMap<String, oneshot::Sender<Result<Value, Failure>>>,
    init_error: Option<Failure>,
}

/// Value of `Lambda-Runtime-Trace-Id` for all invocations.
pub(crate) const TRACE: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";

/// A running function; dropping it ends the process.
pub(crate) struct Lambda {
    child: Mutex<Child>,
    queue: mpsc::UnboundedSender<Invocation>,
    pending: Arc<Mutex<Pending>>,
    output: PathBuf,
}

impl Drop for Lambda {
    fn drop(&mut self) {
        let mut child = self.child.lock().unwrap();
        let _ = child.kill();
        let _ = child.wait();
        let _ = std::fs::remove_file(&self.output);
    }
}

impl Lambda {
    /// Starts the binary with these variables and nothing else from our environment.
    pub(crate) async fn start(handler: &str, variables: &[(&str, &str)]) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (queue, receiver) = mpsc::unbounded_channel();
        let pending = Arc::new(Mutex::new(Pending::default()));
        tokio::spawn(serve(
            listener,
            Arc::new(AsyncMutex::new(receiver)),
            Arc::clone(&pending),
        ));

        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let output = std::env::temp_dir().join(format!("tap-handlers-{}-{number}.log", std::process::id()));
        let log = File::create(&output).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_bootstrap"))
            .env_clear()
            .env("_HANDLER", handler)
            .env("AWS_LAMBDA_RUNTIME_API", address)
            .env("AWS_LAMBDA_FUNCTION_NAME", "function-under-test")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("ENVIRONMENT", "test")
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("bootstrap starts");
        Self {
            child: Mutex::new(child),
            queue,
            pending,
            output,
        }
    }

    /// Invokes the function and waits for its answer.
    pub(crate) async fn invoke(&self, event: Value) -> Result<Value, Failure> {
        self.invoke_within(event, Duration::from_mins(5)).await
    }

    /// Invokes the function, which is told to have this much time.
    pub(crate) async fn invoke_within(&self, event: Value, time_limit: Duration) -> Result<Value, Failure> {
        let (answer, receiver) = oneshot::channel();
        self.queue
            .send(Invocation {
                event,
                time_limit,
                answer,
            })
            .unwrap_or_else(|_| panic!("the runtime API has ended"));
        match tokio::time::timeout(PATIENCE, receiver).await {
            Ok(Ok(result)) => result,
            _ => panic!("no answer from the function; its output:\n{}", self.output()),
        }
    }

    /// Waits for the process to end by itself; returns its exit code and the init error that it reported.
    pub(crate) async fn ended(&self) -> (Option<i32>, Option<Failure>) {
        for _ in 0..600 {
            if let Some(status) = self.child.lock().unwrap().try_wait().unwrap() {
                return (status.code(), self.pending.lock().unwrap().init_error.clone());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the process did not end; its output:\n{}", self.output());
    }

    /// All that the process has written: logs, metrics.
    pub(crate) fn output(&self) -> String {
        std::fs::read_to_string(&self.output).unwrap()
    }

    /// Sum of an EMF metric so far.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let lines = self.output();
        let documents = lines
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        documents
            .filter(|d| d.get("_aws").is_some())
            .filter_map(|d| d[name].as_u64())
            .sum()
    }
}

type Queue = Arc<AsyncMutex<mpsc::UnboundedReceiver<Invocation>>>;

async fn serve(listener: TcpListener, queue: Queue, pending: Arc<Mutex<Pending>>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(connection(stream, Arc::clone(&queue), Arc::clone(&pending)));
    }
}

async fn connection(stream: TcpStream, queue: Queue, pending: Arc<Mutex<Pending>>) {
    let mut connection = Connection::new(stream);
    while let Ok(Some(request)) = connection.request().await {
        let path = request
            .path
            .strip_prefix("/2018-06-01/runtime/")
            .expect("a runtime API path")
            .to_owned();
        let parts: Vec<&str> = path.split('/').collect();
        let sent = match (request.method.as_str(), parts.as_slice()) {
            ("GET", ["invocation", "next"]) => next(&mut connection, &queue, &pending).await,
            ("POST", ["invocation", id, "response"]) => {
                let result = Ok(serde_json::from_slice(&request.body).expect("a JSON answer"));
                finish(&pending, id, result);
                connection.respond(202, &[], b"").await.is_ok()
            }
            ("POST", ["invocation", id, "error"]) => {
                finish(&pending, id, Err(Failure::from_body(&request.body)));
                connection.respond(202, &[], b"").await.is_ok()
            }
            ("POST", ["init", "error"]) => {
                pending.lock().unwrap().init_error = Some(Failure::from_body(&request.body));
                let _ = connection.respond(202, &[("Connection", "close")], b"").await;
                return;
            }
            other => panic!("unexpected runtime API call {other:?}"),
        };
        if !sent {
            return;
        }
    }
}

async fn next(connection: &mut Connection, queue: &Queue, pending: &Mutex<Pending>) -> bool {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let Some(invocation) = queue.lock().await.recv().await else {
        return false;
    };
    let id = format!("request-{}", NEXT.fetch_add(1, Ordering::Relaxed));
    pending.lock().unwrap().answers.insert(id.clone(), invocation.answer);
    let deadline = SystemTime::now() + invocation.time_limit;
    let headers = [
        ("Lambda-Runtime-Aws-Request-Id", id.as_str()),
        (
            "Lambda-Runtime-Deadline-Ms",
            &deadline.duration_since(UNIX_EPOCH).unwrap().as_millis().to_string(),
        ),
        (
            "Lambda-Runtime-Invoked-Function-Arn",
            "arn:aws:lambda:us-east-1:000000000000:function:function-under-test",
        ),
        ("Lambda-Runtime-Trace-Id", TRACE),
        ("Content-Type", "application/json"),
    ];
    connection
        .respond(200, &headers, invocation.event.to_string().as_bytes())
        .await
        .is_ok()
}

fn finish(pending: &Mutex<Pending>, id: &str, result: Result<Value, Failure>) {
    let answer = pending
        .lock()
        .unwrap()
        .answers
        .remove(id)
        .expect("an invocation that is open");
    let _ = answer.send(result);
}
