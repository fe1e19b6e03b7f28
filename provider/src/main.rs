//! The binary that Terraform and OpenTofu start.

mod config;
mod docs;
mod provider;

use std::process::ExitCode;
use std::sync::Arc;

use tap_plugin::ServeOptions;

/// The source address under which the provider is published.
const ADDRESS: &str = "registry.terraform.io/tap-platform/tap";

/// The provider's name, the prefix of its types.
const NAME: &str = "tap";

#[tokio::main]
async fn main() -> ExitCode {
    let provider = provider::TapProvider::default();
    let mut arguments = std::env::args().skip(1);
    // For `make docs`; Terraform passes no such argument.
    if arguments.next().as_deref() == Some("docs") {
        return write_docs(&provider, arguments);
    }
    let options = ServeOptions::from_args(ADDRESS, std::env::args());
    tap_plugin::run(Arc::new(provider), options).await
}

fn write_docs(provider: &provider::TapProvider, arguments: impl Iterator<Item = String>) -> ExitCode {
    match docs::command(provider, NAME, arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
