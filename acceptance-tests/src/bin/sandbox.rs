//! Starts the sandbox for hand use and prints what to export. Ends with Ctrl-C.

use std::process::ExitCode;
use tap_acceptance_tests::{DEFAULT_ACCOUNT, Mirror, Result, Sandbox};

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sandbox: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let sandbox = Sandbox::start().await?;
    // The account of unsigned calls, so that `curl` on an invoke URL works.
    let aws = sandbox.account(DEFAULT_ACCOUNT);
    println!(
        "# The sandbox runs; its log is {}.\n# Paste this into another terminal:",
        sandbox.log_file().display()
    );
    for (name, value) in aws.environment() {
        println!("export {name}={value}");
    }
    match Mirror::of_built_provider() {
        Ok(mirror) => println!("export TF_CLI_CONFIG_FILE={}", mirror.open_cli_config_file().display()),
        Err(error) => println!("# The provider is not built yet, so `terraform init` would not find it. {error}"),
    }
    println!(
        "# An API answers on {}/restapis/<api>/<stage>/_user_request_/<path>",
        sandbox.endpoint()
    );
    println!("# Ctrl-C ends it.");
    tokio::signal::ctrl_c()
        .await
        .map_err(|source| tap_acceptance_tests::Error::Program {
            program: "signal".into(),
            source,
        })?;
    println!("\n# Ended; everything in it is gone.");
    Ok(())
}
