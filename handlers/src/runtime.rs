//! From the environment to a running Lambda handler.

use std::sync::Arc;
use std::time::Duration;

use lambda_runtime::{LambdaEvent, Runtime, service_fn};
use serde_json::{Value, json};
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::aws;
use crate::config::{Env, InitError};
use crate::error::HandlerError;
use crate::invocation::{Handler, Invocation};
use crate::registry;
use crate::telemetry::{log, xray};

/// Why the process ends.
#[derive(Debug, Error)]
pub enum RunError {
    /// The configuration does not allow a start.
    #[error(transparent)]
    Init(#[from] InitError),
    /// The Lambda runtime API failed.
    #[error("lambda runtime: {0}")]
    Runtime(lambda_runtime::Error),
}

/// Runs the handler that `_HANDLER` names until Lambda stops the process. A start that fails is
/// reported to the runtime API, so that it shows as an init error with the variable's name.
pub async fn run(env: Env) -> Result<(), RunError> {
    match start(&env).await {
        Ok(handler) => serve(handler, &env).await,
        Err(error) => {
            report_init_error(&env, &error).await;
            Err(error.into())
        }
    }
}

async fn start(env: &Env) -> Result<Arc<dyn Handler>, InitError> {
    log::install(env)?;
    let entry = registry::find(env)?;
    let handler = (entry.build)(env, &aws::sdk_config().await)?;
    // `Runtime::new` panics without these; Lambda always sets them.
    for name in [
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
    ] {
        env.required(name)?;
    }
    env.required("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")?;
    env.parsed_or("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", 0_i32, "megabytes as a whole number")?;
    tracing::info!(handler = entry.name, "handler ready");
    Ok(handler)
}

async fn serve(handler: Arc<dyn Handler>, env: &Env) -> Result<(), RunError> {
    let daemon = xray::Daemon::new(env.optional("AWS_XRAY_DAEMON_ADDRESS"));
    let service = service_fn(move |event: LambdaEvent<Value>| {
        let (handler, daemon) = (Arc::clone(&handler), daemon.clone());
        async move {
            let (payload, context) = event.into_parts();
            let invocation = Invocation {
                trace: xray::Trace::new(daemon, context.xray_trace_id.as_deref()),
                deadline: context.deadline(),
                request_id: context.request_id,
            };
            let result: Result<Value, HandlerError> = handler.handle(payload, &invocation).await;
            result
        }
    });
    Runtime::new(service).run().await.map_err(RunError::Runtime)
}

/// Posts to `/runtime/init/error`
/// (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-initerror>). Best
/// effort: Lambda notices the exit anyway, only with less to say.
async fn report_init_error(env: &Env, error: &InitError) {
    // Standard error, because the log may be what could not be installed.
    eprintln!(
        "{}",
        json!({"level": "ERROR", "message": error.to_string(), "errorType": error.error_type()})
    );
    let Some(address) = env.optional("AWS_LAMBDA_RUNTIME_API") else {
        return;
    };
    let body =
        json!({"errorType": error.error_type(), "errorMessage": error.to_string(), "stackTrace": []}).to_string();
    let request = format!(
        "POST /2018-06-01/runtime/init/error HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Lambda-Runtime-Function-Error-Type: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        error.error_type(),
        body.len()
    );
    let post = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await
    };
    let _ = tokio::time::timeout(Duration::from_secs(2), post).await;
}
