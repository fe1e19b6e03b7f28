//! The Lambda entry point for `provided.al2023`: `_HANDLER` chooses the handler.

use std::process::ExitCode;

use tap_handlers::config::Env;

/// One thread: the work is waiting for AWS, and a start with one thread is quicker.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match tap_handlers::runtime::run(Env::from_process()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
