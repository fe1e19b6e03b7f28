//! The real terraform binary with the test provider, found through a filesystem mirror as users find it.
//!
//! `TAP_TF` names another program, such as a path to `tofu`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use support::{LIMIT, Process, first_line};
use tempfile::TempDir;

const HEAD: &str = r#"
terraform {
  required_providers {
    taptest = { source = "registry.terraform.io/tap/taptest" }
  }
}
"#;

/// The program that `tools/setup-sandbox` and the acceptance tests take too.
fn terraform_binary() -> String {
    let chosen = std::env::var("TAP_TF").ok().filter(|program| !program.is_empty());
    let candidates = chosen.map_or_else(
        || vec!["terraform".to_owned(), "tofu".to_owned()],
        |program| vec![program],
    );
    let runs = |program: &&String| {
        let output = Command::new(program.as_str()).arg("version").output();
        output.is_ok_and(|output| output.status.success())
    };
    let found = candidates.iter().find(runs);
    let found = found.unwrap_or_else(|| {
        panic!(
            "{candidates:?}: none runs. Install Terraform 1.11 or later (https://developer.hashicorp.com/terraform/install) or \
             OpenTofu 1.11 or later (https://opentofu.org/docs/intro/install/) and put it on the PATH, or set TAP_TF."
        )
    });
    found.clone()
}

/// Go's names for this machine, as in the mirror's folders.
fn platform() -> String {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let system = if std::env::consts::OS == "macos" {
        "darwin"
    } else {
        std::env::consts::OS
    };
    format!("{system}_{architecture}")
}

/// A working directory with a configuration, a mirror that holds the provider, and nothing of the
/// environment's own Terraform settings.
struct Workspace {
    directory: TempDir,
    binary: String,
    environment: Vec<(String, String)>,
}

impl Workspace {
    fn new(configuration: &str) -> Self {
        let binary = terraform_binary();
        let directory = tempfile::tempdir().unwrap();
        let mirror = directory.path().join("mirror");
        let package = mirror.join(format!("registry.terraform.io/tap/taptest/0.1.0/{}", platform()));
        fs::create_dir_all(&package).unwrap();
        fs::copy(
            support::provider_binary(),
            package.join("terraform-provider-taptest_v0.1.0"),
        )
        .unwrap();
        let rc = format!(
            "provider_installation {{\n  filesystem_mirror {{\n    path = \"{}\"\n  }}\n}}\n",
            mirror.display()
        );
        fs::write(directory.path().join("terraform.rc"), rc).unwrap();
        let workspace = Self {
            directory,
            binary,
            environment: Vec::new(),
        };
        workspace.configure(configuration);
        workspace
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn configure(&self, configuration: &str) {
        fs::write(self.path().join("main.tf"), format!("{HEAD}{configuration}")).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(arguments).current_dir(self.path()).env_clear();
        command
            .env("PATH", std::env::var("PATH").unwrap_or_default())
            .env("HOME", self.path());
        command
            .env("TF_CLI_CONFIG_FILE", self.path().join("terraform.rc"))
            .env("TF_IN_AUTOMATION", "1");
        command
            .env("CHECKPOINT_DISABLE", "1")
            .envs(self.environment.iter().cloned());
        command
    }

    /// Runs a command that must end with this code; gives all its output.
    fn expect(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}:\n{text}");
        // Diagnostics are framed and wrapped: messages are compared as plain words.
        let words = text
            .split(|c: char| c.is_whitespace() || "│╷╵".contains(c))
            .filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join(" ")
    }

    fn ok(&self, arguments: &[&str]) -> String {
        self.expect(0, arguments)
    }

    fn apply(&self) -> String {
        self.ok(&["apply", "-auto-approve", "-no-color", "-input=false"])
    }

    /// A plan: 0 is empty, 2 has changes.
    fn plan(&self, code: i32) -> String {
        self.expect(code, &["plan", "-detailed-exitcode", "-no-color", "-input=false"])
    }

    fn state_text(&self) -> String {
        fs::read_to_string(self.path().join("terraform.tfstate")).unwrap()
    }

    /// The attributes of the only instance in the state, and whether it is tainted.
    fn instance(&self) -> Option<(Json, bool)> {
        let state: Json = serde_json::from_str(&self.state_text()).unwrap();
        let instance = state["resources"].as_array()?.first()?["instances"][0].clone();
        let tainted = instance["status"] == "tainted";
        Some((instance["attributes"].clone(), tainted))
    }
}

fn thing(attributes: &str) -> String {
    format!("resource \"taptest_thing\" \"a\" {{\n{attributes}\n}}\n")
}

#[test]
fn init_plan_apply_destroy() {
    let workspace = Workspace::new(&thing(
        "name = \"x\"\nsecret = \"hunter2\"\nprice = 0.1\nzones = [\"b\", \"a\"]\nany = { list = [1, \"a\", null] }\n\
         rules = [{ port = 443 }, { port = 53, protocol = \"udp\" }]\n\
         limit {\n  max = 1\n}\nlimit {\n  max = 2\n}",
    ));
    workspace.ok(&["init", "-no-color", "-input=false"]);
    workspace.ok(&["validate", "-no-color"]);
    let planned = workspace.plan(2);
    assert!(planned.contains("1 to add, 0 to change, 0 to destroy"), "{planned}");
    workspace.apply();
    workspace.plan(0);
    let (attributes, tainted) = workspace.instance().unwrap();
    assert!(!tainted);
    assert_eq!(attributes["effective_size"].to_string(), "3");
    assert_eq!(
        (&attributes["size"], attributes["price"].to_string()),
        (&Json::Null, "0.1".into())
    );
    assert_eq!(
        (&attributes["secret"], attributes["secret_length"].to_string()),
        (&Json::Null, "7".into())
    );
    assert!(!workspace.state_text().contains("hunter2"));

    // A change in place, then one that replaces.
    workspace.configure(&thing("name = \"x\"\nsize = 5"));
    assert!(workspace.plan(2).contains("0 to add, 1 to change, 0 to destroy"));
    workspace.apply();
    workspace.plan(0);
    workspace.configure(&thing("name = \"y\"\nsize = 5"));
    let replaced = workspace.plan(2);
    assert!(replaced.contains("# forces replacement") && replaced.contains("1 to add, 0 to change, 1 to destroy"));
    workspace.apply();
    workspace.plan(0);
    assert_eq!(workspace.instance().unwrap().0["id"], "thing-y");

    workspace.ok(&["destroy", "-auto-approve", "-no-color"]);
    assert!(workspace.instance().is_none());
}

#[test]
fn mistakes_are_pointed_at() {
    let workspace = Workspace::new(&thing("name = \"x\"\nrules = [{ port = 70000 }]"));
    workspace.ok(&["init", "-no-color"]);
    let found = workspace.expect(1, &["validate", "-no-color"]);
    assert!(
        found.contains("rules[0].port must be an integer between 1 and 65535. Got: 70000."),
        "{found}"
    );
    assert!(found.contains("on main.tf line"), "{found}");
}

#[test]
fn failures_leave_what_exists_in_the_state() {
    let workspace = Workspace::new(&thing("name = \"x\"\nbehaviour = \"fail_create\""));
    workspace.ok(&["init", "-no-color"]);
    let failed = workspace.expect(1, &["apply", "-auto-approve", "-no-color"]);
    assert!(failed.contains("Create failed half-way"), "{failed}");
    let (attributes, tainted) = workspace.instance().unwrap();
    assert!(tainted && attributes["id"] == "thing-x");

    // A panic in the middle of a create: the checkpoint is recorded, the message is withheld.
    workspace.configure(&thing(
        "name = \"x\"\nbehaviour = \"panic_create\"\nsecret = \"hunter2\"",
    ));
    let panicked = workspace.expect(1, &["apply", "-auto-approve", "-no-color"]);
    assert!(
        panicked.contains("The provider panicked") && !panicked.contains("hunter2"),
        "{panicked}"
    );
    assert!(workspace.instance().unwrap().1, "tainted");

    // Then all is well, until the destroy fails half-way.
    workspace.configure(&thing("name = \"x\"\nbehaviour = \"fail_delete\""));
    workspace.apply();
    let failed = workspace.expect(1, &["destroy", "-auto-approve", "-no-color"]);
    assert!(failed.contains("Delete failed half-way"), "{failed}");
    assert_eq!(workspace.instance().unwrap().0["id"], "thing-x");
    workspace.configure(&thing("name = \"x\""));
    workspace.apply();
    workspace.ok(&["destroy", "-auto-approve", "-no-color"]);
}

/// A fact of Terraform's that providers may build on: on a replacement, the private bytes planned with the
/// create reach the destroy leg as well.
#[test]
fn a_replacement_gives_its_private_bytes_to_both_legs() {
    let mut workspace = Workspace::new(&thing("name = \"x\""));
    workspace.ok(&["init", "-no-color"]);
    workspace.apply();
    workspace.configure(&thing("name = \"y\""));
    workspace.environment.push(("TF_LOG_PROVIDER".into(), "INFO".into()));
    let log = workspace.apply();
    assert!(log.contains("deleting") && log.contains("planned y"), "{log}");
}

/// Ctrl-C in the middle of a create: Terraform calls `StopProvider`, the create ends early, and what exists
/// is in the state.
#[test]
fn an_interrupted_create_is_recorded() {
    let mut workspace = Workspace::new(&thing("name = \"x\"\nbehaviour = \"hang\""));
    workspace.ok(&["init", "-no-color"]);
    let log = workspace.path().join("terraform.log");
    workspace.environment.push(("TF_LOG".into(), "INFO".into()));
    workspace
        .environment
        .push(("TF_LOG_PATH".into(), log.display().to_string()));
    let mut command = workspace.command(&["apply", "-auto-approve", "-no-color"]);
    let mut running = Process(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    let started = Instant::now();
    while !fs::read_to_string(&log).is_ok_and(|log| log.contains("hanging")) {
        assert!(started.elapsed() < LIMIT, "the create never began");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(
        Command::new("kill")
            .args(["-INT", &running.0.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
    let ended = running.0.wait().unwrap();
    assert_eq!(ended.code(), Some(1));
    let (attributes, tainted) = workspace.instance().unwrap();
    assert!(tainted && attributes["id"] == "thing-x", "{attributes}");
    assert!(fs::read_to_string(&log).unwrap().contains("interrupted while hanging"));
}

#[test]
fn import_data_sources_and_functions() {
    let configuration = format!(
        "{}data \"taptest_echo\" \"e\" {{\n  input = tolist([\"a\", \"b\"])\n}}\n\
         output \"length\" {{\n  value = data.taptest_echo.e.length\n}}\n\
         output \"shout\" {{\n  value = provider::taptest::shout(\"a\", \"b\")\n}}\n",
        thing("name = \"x\"")
    );
    let workspace = Workspace::new(&configuration);
    workspace.ok(&["init", "-no-color"]);
    workspace.ok(&["import", "-no-color", "taptest_thing.a", "thing-x"]);
    workspace.apply();
    let outputs: Json = serde_json::from_str(&workspace.ok(&["output", "-json"])).unwrap();
    assert_eq!(
        (outputs["length"]["value"].to_string(), &outputs["shout"]["value"]),
        ("2".into(), &json!("A B"))
    );
    workspace.plan(0);
    let missing = workspace.expect(1, &["import", "-no-color", "taptest_thing.b", "nothing"]);
    assert!(
        missing.contains("resource \"taptest_thing\" \"b\"") || missing.contains("No such thing"),
        "{missing}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn terraform_reattaches_to_a_debugged_provider() {
    let mut command = support::command();
    command.arg("-debug");
    let mut provider = Process(command.spawn().unwrap());
    let (line, _stdout) = first_line(&mut provider.0).await;
    let reattach = line
        .strip_prefix("TF_REATTACH_PROVIDERS='")
        .unwrap()
        .strip_suffix('\'')
        .unwrap()
        .to_owned();
    let mut workspace = Workspace::new(&thing("name = \"x\""));
    fs::remove_dir_all(PathBuf::from(workspace.path()).join("mirror")).unwrap();
    workspace.environment.push(("TF_REATTACH_PROVIDERS".into(), reattach));
    tokio::task::spawn_blocking(move || {
        workspace.ok(&["init", "-no-color"]);
        workspace.apply();
        workspace.ok(&["destroy", "-auto-approve", "-no-color"]);
    })
    .await
    .unwrap();
    assert!(
        provider.0.try_wait().unwrap().is_none(),
        "a debugged provider outlives terraform"
    );
}
