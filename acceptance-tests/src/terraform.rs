//! The real `terraform` (or `tofu`) in a folder of its own.

use crate::process::{ProcessGroup, Signal};
use crate::{Aws, Error, Mirror, Result};
use serde_json::Value;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// Longer than any apply on the sandbox; a hanging provider must not hang CI.
const COMMAND_LIMIT: Duration = Duration::from_mins(15);
const PLAN_FILE: &str = "plan.tfplan";
/// `plan -detailed-exitcode`: the plan succeeded and holds changes.
const CHANGES_PRESENT: i32 = 2;

/// A working folder with configuration files, bound to one account of the sandbox.
#[derive(Debug)]
pub struct Terraform {
    program: PathBuf,
    folder: tempfile::TempDir,
    environment: Vec<(String, String)>,
    commands: AtomicUsize,
}

/// What `apply`, `destroy` or `import` wrote.
#[derive(Debug, Clone)]
pub struct Applied {
    /// Standard output.
    pub text: String,
}

/// A plan, saved so that it can be looked at and applied.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The plan as a person reads it.
    pub text: String,
    /// `terraform show -json` of the plan.
    pub json: Value,
    changes_present: bool,
}

/// One resource of a plan that will change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceChange {
    /// Such as `tap_webhook_pipeline.payments`.
    pub address: String,
    /// `create`, `update`, `delete`; `["delete", "create"]` is a replacement.
    pub actions: Vec<String>,
}

impl Plan {
    /// Whether applying would change nothing, outputs included.
    pub fn is_empty(&self) -> bool {
        !self.changes_present
    }

    /// # Errors
    /// [`Error::PlanNotEmpty`] with the plan's text.
    pub fn must_be_empty(&self) -> Result<()> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(Error::PlanNotEmpty(self.text.clone()))
        }
    }

    /// The resources that will change.
    pub fn changes(&self) -> Vec<ResourceChange> {
        let all = self.json["resource_changes"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        all.iter()
            .map(resource_change)
            .filter(|change| !matches!(change.actions[..], [ref only] if only == "no-op"))
            .collect()
    }
}

fn resource_change(change: &Value) -> ResourceChange {
    let actions = change["change"]["actions"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    ResourceChange {
        address: change["address"].as_str().unwrap_or_default().to_owned(),
        actions: actions.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
    }
}

impl Terraform {
    /// An empty working folder for this account; the provider comes from the [`Mirror`] of the current build.
    ///
    /// # Errors
    /// [`Error::NotBuilt`] without the provider or without `terraform` and `tofu`.
    pub fn new(aws: &Aws) -> Result<Self> {
        Self::with_mirror(aws, &Mirror::of_built_provider()?)
    }

    /// The same with the provider of another mirror.
    ///
    /// # Errors
    /// [`Error::NotBuilt`] without `terraform` and `tofu`.
    pub fn with_mirror(aws: &Aws, mirror: &Mirror) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("tap-tf-")
            .tempdir()
            .map_err(Error::file(std::env::temp_dir()))?;
        let home = folder.path().join("home");
        fs::create_dir(&home).map_err(Error::file(&home))?;
        let mut terraform = Self {
            program: program()?,
            folder,
            environment: Vec::new(),
            commands: AtomicUsize::new(0),
        };
        for (name, value) in aws.environment() {
            terraform.environment.push((name.to_owned(), value));
        }
        let home = home.display().to_string();
        // Files that are not there: a developer's AWS profile must not reach the tests.
        let no_file = format!("{home}/none");
        Ok(terraform
            .with_env("HOME", &home)
            .with_env("TMPDIR", &home)
            .with_env("AWS_CONFIG_FILE", &no_file)
            .with_env("AWS_SHARED_CREDENTIALS_FILE", &no_file)
            .with_env("TF_CLI_CONFIG_FILE", &mirror.cli_config_file().display().to_string())
            .with_env("TF_IN_AUTOMATION", "1")
            .with_env("TF_INPUT", "0")
            .with_env("CHECKPOINT_DISABLE", "1"))
    }

    /// Adds a file to the folder.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn with_file(self, name: &str, content: &str) -> Result<Self> {
        self.write_file(name, content)?;
        Ok(self)
    }

    /// Writes or replaces a file, such as the configuration for the next step.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn write_file(&self, name: &str, content: &str) -> Result<()> {
        let path = self.folder().join(name);
        fs::write(&path, content).map_err(Error::file(&path))
    }

    /// Sets an environment variable for all commands.
    #[must_use]
    pub fn with_env(mut self, name: &str, value: &str) -> Self {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Takes an environment variable away from all commands.
    #[must_use]
    pub fn without_env(mut self, name: &str) -> Self {
        self.environment.retain(|(known, _)| known != name);
        self
    }

    /// The working folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// `terraform init` from the mirror.
    pub async fn init(&self) -> Result<()> {
        self.succeed(&["init", "-input=false", "-no-color"]).await.map(drop)
    }

    /// `terraform validate`.
    pub async fn validate(&self) -> Result<()> {
        self.succeed(&["validate", "-no-color"]).await.map(drop)
    }

    /// `terraform plan`, which refreshes first.
    pub async fn plan(&self) -> Result<Plan> {
        self.plan_with(&[]).await
    }

    /// `terraform plan` with more arguments, such as `-destroy` or `-refresh-only`.
    pub async fn plan_with(&self, more: &[&str]) -> Result<Plan> {
        let out = format!("-out={PLAN_FILE}");
        let arguments = [
            &["plan", "-input=false", "-no-color", "-detailed-exitcode", out.as_str()],
            more,
        ]
        .concat();
        let finished = self.start(&arguments)?.wait().await?;
        let changes_present = finished.status.code() == Some(CHANGES_PRESENT);
        if !changes_present && !finished.status.success() {
            return Err(finished.into_error());
        }
        let json = self.json("the plan", &["show", "-json", PLAN_FILE]).await?;
        Ok(Plan {
            text: finished.stdout,
            json,
            changes_present,
        })
    }

    /// `terraform apply` without a saved plan.
    pub async fn apply(&self) -> Result<Applied> {
        self.apply_with(&[]).await
    }

    /// `terraform apply` with more arguments, such as `-target=…` or `-replace=…`.
    pub async fn apply_with(&self, more: &[&str]) -> Result<Applied> {
        let text = self
            .succeed(&[&["apply", "-auto-approve", "-input=false", "-no-color"], more].concat())
            .await?;
        Ok(Applied { text })
    }

    /// `terraform apply` of what the last [`Self::plan`] saved.
    pub async fn apply_plan(&self) -> Result<Applied> {
        self.succeed(&["apply", "-input=false", "-no-color", PLAN_FILE])
            .await
            .map(|text| Applied { text })
    }

    /// `terraform destroy`.
    pub async fn destroy(&self) -> Result<Applied> {
        self.succeed(&["destroy", "-auto-approve", "-input=false", "-no-color"])
            .await
            .map(|text| Applied { text })
    }

    /// `terraform import <address> <id>`.
    pub async fn import(&self, address: &str, id: &str) -> Result<Applied> {
        self.succeed(&["import", "-input=false", "-no-color", address, id])
            .await
            .map(|text| Applied { text })
    }

    /// `terraform state list`: the addresses of all that is recorded.
    pub async fn recorded(&self) -> Result<Vec<String>> {
        // Without a state file there is no state: `state list` calls that an error.
        let state = self.state().await.unwrap_or_default();
        let resources = state["resources"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let address = |resource: &Value| format!("{}.{}", text(&resource["type"]), text(&resource["name"]));
        Ok(resources.iter().map(address).collect())
    }

    /// Any other command that has to succeed, such as `taint` or `untaint`; answers its standard output.
    pub async fn command(&self, arguments: &[&str]) -> Result<String> {
        self.succeed(arguments).await
    }

    /// All outputs: name to `{value, type, sensitive}`.
    pub async fn outputs(&self) -> Result<Value> {
        self.json("the outputs", &["output", "-json"]).await
    }

    /// The value of one output as text.
    ///
    /// # Errors
    /// [`Error::Expectation`] when there is no such output or it is no string.
    pub async fn output(&self, name: &str) -> Result<String> {
        let outputs = self.outputs().await?;
        let value = outputs[name]["value"].as_str().map(str::to_owned);
        value.ok_or_else(|| Error::Expectation(format!("no string output {name:?} in {outputs}")))
    }

    /// `terraform state pull`: the raw state, secrets included.
    pub async fn state(&self) -> Result<Value> {
        self.json("the state", &["state", "pull"]).await
    }

    /// `terraform show -json`: the state as tools read it.
    pub async fn show(&self) -> Result<Value> {
        self.json("the state", &["show", "-json"]).await
    }

    /// `terraform providers schema -json`.
    pub async fn provider_schema(&self) -> Result<Value> {
        self.json("the schema", &["providers", "schema", "-json"]).await
    }

    /// Starts `terraform apply` and returns at once: for tests that interrupt it.
    pub fn start_apply(&self) -> Result<RunningTerraform> {
        self.start(&["apply", "-auto-approve", "-input=false", "-no-color"])
    }

    /// Starts any command.
    pub fn start(&self, arguments: &[&str]) -> Result<RunningTerraform> {
        let number = self.commands.fetch_add(1, Ordering::Relaxed);
        let stdout = self.folder().join(format!("home/{number}.out"));
        let stderr = self.folder().join(format!("home/{number}.err"));
        let create = |path: &Path| File::create(path).map_err(Error::file(path));
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .current_dir(self.folder())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(create(&stdout)?)
            .stderr(create(&stderr)?);
        let line = format!("{} {}", self.program.display(), arguments.join(" "));
        Ok(RunningTerraform {
            group: ProcessGroup::spawn(&mut command)?,
            line,
            stdout,
            stderr,
        })
    }

    async fn succeed(&self, arguments: &[&str]) -> Result<String> {
        let finished = self.start(arguments)?.wait().await?;
        if finished.status.success() {
            Ok(finished.stdout)
        } else {
            Err(finished.into_error())
        }
    }

    async fn json(&self, what: &'static str, arguments: &[&str]) -> Result<Value> {
        let text = self.succeed(arguments).await?;
        serde_json::from_str(&text).map_err(|source| Error::Json { what, source, text })
    }
}

/// A command that runs; dropping it kills terraform and the provider.
#[derive(Debug)]
pub struct RunningTerraform {
    group: ProcessGroup,
    line: String,
    stdout: PathBuf,
    stderr: PathBuf,
}

/// A command that has ended.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    line: String,
}

impl Finished {
    /// As an error that carries all that was written.
    pub fn into_error(self) -> Error {
        Error::Terraform {
            command: self.line,
            status: self.status.to_string(),
            output: self.stdout + &self.stderr,
        }
    }
}

impl RunningTerraform {
    /// Like Ctrl-C in a terminal: the whole process group is interrupted, the provider too.
    pub fn interrupt(&self) {
        self.group.signal(Signal::Interrupt);
    }

    /// `kill -9` of terraform and the provider.
    pub fn kill(&self) {
        self.group.signal(Signal::Kill);
    }

    /// `kill -9` of terraform alone; the provider notices that its client is gone.
    pub fn kill_terraform(&self) {
        self.group.signal_leader(Signal::Kill);
    }

    /// `kill -9` of the provider alone: Terraform lives to say that its plugin crashed.
    pub fn kill_provider(&self) {
        self.group.signal_children(Signal::Kill);
    }

    /// What has been written to standard output so far.
    pub fn text_so_far(&self) -> String {
        fs::read_to_string(&self.stdout).unwrap_or_default()
    }

    /// Waits for the end, at most for 15 minutes.
    ///
    /// # Errors
    /// [`Error::NotSeen`] after that; the status is for the caller to judge.
    pub async fn wait(mut self) -> Result<Finished> {
        let deadline = Instant::now() + COMMAND_LIMIT;
        let status = loop {
            if let Some(status) = self.group.try_wait()? {
                break status;
            }
            if Instant::now() > deadline {
                let what = format!("the end of `{}`", self.line);
                return Err(Error::NotSeen {
                    what,
                    seconds: COMMAND_LIMIT.as_secs_f64(),
                    last: Some(self.text_so_far()),
                });
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        let read = |path: &Path| fs::read_to_string(path).map_err(Error::file(path));
        Ok(Finished {
            status,
            stdout: read(&self.stdout)?,
            stderr: read(&self.stderr)?,
            line: self.line,
        })
    }
}

/// `TAP_TF`, else `terraform`, else `tofu` from the PATH.
fn program() -> Result<PathBuf> {
    if let Some(chosen) = std::env::var_os("TAP_TF").filter(|value| !value.is_empty()) {
        return Ok(PathBuf::from(chosen));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = |name: &str| {
        std::env::split_paths(&path)
            .map(|folder| folder.join(name))
            .find(|file| file.is_file())
    };
    on_path("terraform")
        .or_else(|| on_path("tofu"))
        .ok_or_else(|| Error::NotBuilt {
            what: "terraform (or tofu)",
            path: PathBuf::from("$PATH"),
            remedy: "make setup",
        })
}
