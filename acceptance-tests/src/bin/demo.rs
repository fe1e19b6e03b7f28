//! `make demo`: applies the webhook pipeline on the sandbox and pushes payments through it.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    if tap_acceptance_tests::demo::run().await {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
