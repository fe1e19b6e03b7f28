//! The acceptance harness: a sandbox AWS, a Terraform runner and AWS assertions.
//!
//! A test reads like what a user does:
//!
//! ```no_run
//! # async fn example() -> tap_acceptance_tests::Result<()> {
//! use tap_acceptance_tests::{Sandbox, Terraform};
//!
//! let sandbox = Sandbox::start().await?;
//! let aws = sandbox.aws();
//! let terraform = Terraform::new(&aws)?.with_file("main.tf", "…")?;
//!
//! terraform.init().await?;
//! terraform.apply().await?;
//! terraform.plan().await?.must_be_empty()?;
//! terraform.destroy().await?;
//! assert_eq!(aws.inventory().await?, Vec::<String>::new());
//! # Ok(()) }
//! ```
//!
//! What the sandbox can and cannot show is in `docs/sandbox.md`; the requirements are in sections 9.1 and 9.2.

mod aws;
mod changes;
mod configuration;
pub mod demo;
mod deployed;
pub mod edited;
mod error;
mod examples;
mod hand;
mod http;
mod inventory;
pub mod killed;
mod mirror;
pub mod observability;
mod paths;
pub mod payment;
pub mod pipeline;
mod poll;
mod process;
pub mod proxy;
mod sandbox;
pub mod site;
mod terraform;

pub use aws::Aws;
pub use configuration::Configuration;
pub use deployed::Deployed;
pub use error::{Error, Result};
pub use examples::example;
pub use hand::Hand;
pub use http::{Answer, Request};
pub use mirror::{Mirror, PROVIDER_NAMESPACE, PROVIDER_SOURCE, PROVIDER_TYPE};
pub use paths::{handlers_dir, provider_binary, sandbox_python, target_dir, workspace_root};
pub use poll::eventually;
pub use sandbox::{DEFAULT_ACCOUNT, DEFAULT_REGION, Sandbox};
pub use terraform::{Applied, Plan, ResourceChange, RunningTerraform, Terraform};
