//! The local filesystem mirror that a plain `terraform init` finds the provider in: the path that users take.

use crate::{Error, Result, paths};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::UNIX_EPOCH;

/// The registry namespace of the provider.
pub const PROVIDER_NAMESPACE: &str = "tap-platform";

/// The provider's type, the last part of its address.
pub const PROVIDER_TYPE: &str = "tap";

/// What goes into `source` of `required_providers`; the tool puts its own registry host before it.
pub const PROVIDER_SOURCE: &str = "tap-platform/tap";

/// The version that the build carries.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Terraform's registry and `OpenTofu`'s: a source without a host means one or the other.
const REGISTRY_HOSTS: [&str; 2] = ["registry.terraform.io", "registry.opentofu.org"];

/// A mirror folder with the built provider, and the CLI configuration that points there.
#[derive(Debug, Clone)]
pub struct Mirror {
    folder: PathBuf,
}

impl Mirror {
    /// Lays out the mirror for the built provider under the target folder, once per build.
    ///
    /// # Errors
    /// [`Error::NotBuilt`] without a built provider, [`Error::File`] when copying fails.
    pub fn of_built_provider() -> Result<Self> {
        let binary = paths::provider_binary()?;
        let folder = paths::target_dir().join("mirror").join(build_key(&binary)?);
        Self::lay_out(&binary, folder)
    }

    /// Lays out a mirror for this provider binary in this folder.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn lay_out(binary: &Path, folder: PathBuf) -> Result<Self> {
        let mirror = Self { folder };
        for host in REGISTRY_HOSTS {
            copy_once(binary, &mirror.package_folder(host), &mirror.folder)?;
        }
        write_whole(&mirror.cli_config_file(), mirror.cli_config("").as_bytes())?;
        write_whole(
            &mirror.open_cli_config_file(),
            mirror.cli_config(OTHER_PROVIDERS_DIRECT).as_bytes(),
        )?;
        Ok(mirror)
    }

    /// For `TF_CLI_CONFIG_FILE` in tests: this mirror and nothing else, so that no test goes to a registry.
    pub fn cli_config_file(&self) -> PathBuf {
        self.folder.join("terraformrc")
    }

    /// For `TF_CLI_CONFIG_FILE` in hand use: other providers come from their registries as usual.
    pub fn open_cli_config_file(&self) -> PathBuf {
        self.folder.join("terraformrc-open")
    }

    /// Unpacked layout: `<host>/<namespace>/<type>/<version>/<os>_<arch>/`.
    fn package_folder(&self, host: &str) -> PathBuf {
        self.folder
            .join("providers")
            .join(host)
            .join(PROVIDER_NAMESPACE)
            .join(PROVIDER_TYPE)
            .join(VERSION)
            .join(platform())
    }

    fn cli_config(&self, rest: &str) -> String {
        let path = self.folder.join("providers");
        let addresses = REGISTRY_HOSTS
            .map(|host| format!("\"{host}/{PROVIDER_SOURCE}\""))
            .join(", ");
        format!(
            "# Written by the acceptance harness.\nprovider_installation {{\n  filesystem_mirror {{\n    path    = {:?}\n    \
             include = [{addresses}]\n  }}\n{}}}\n",
            path.display().to_string(),
            rest.replace("ADDRESSES", &addresses)
        )
    }
}

const OTHER_PROVIDERS_DIRECT: &str = "  direct {\n    exclude = [ADDRESSES]\n  }\n";

/// Terraform's name of this machine's platform, such as `linux_amd64`.
fn platform() -> String {
    let os = match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    format!("{os}_{arch}")
}

/// Changes with every build: a lock file or a running test never sees the binary change under it.
fn build_key(binary: &Path) -> Result<String> {
    let metadata = fs::metadata(binary).map_err(Error::file(binary))?;
    let modified = metadata.modified().map_err(Error::file(binary))?;
    let nanos = modified.duration_since(UNIX_EPOCH).map_or(0, |age| age.as_nanos());
    Ok(format!("{nanos:x}-{:x}", metadata.len()))
}

/// Copied, not linked: cargo may write the next build into the same file.
fn copy_once(binary: &Path, folder: &Path, outside: &Path) -> Result<()> {
    let to = folder.join(format!(
        "terraform-provider-{PROVIDER_TYPE}_v{VERSION}{}",
        std::env::consts::EXE_SUFFIX
    ));
    if to.exists() {
        return Ok(());
    }
    fs::create_dir_all(folder).map_err(Error::file(folder))?;
    // Outside what Terraform searches: another test's `init` may look there right now.
    let draft = draft_of(&outside.join("provider"));
    fs::copy(binary, &draft).map_err(Error::file(binary))?;
    fs::rename(&draft, &to).map_err(Error::file(&to))
}

/// Atomic, because tests run side by side.
fn write_whole(path: &Path, content: &[u8]) -> Result<()> {
    let draft = draft_of(path);
    fs::write(&draft, content).map_err(Error::file(&draft))?;
    fs::rename(&draft, path).map_err(Error::file(path))
}

/// A name of its own for every draft: tests of one process run side by side too.
fn draft_of(path: &Path) -> PathBuf {
    static DRAFTS: AtomicUsize = AtomicUsize::new(0);
    let number = DRAFTS.fetch_add(1, Ordering::Relaxed);
    path.with_extension(format!("draft-{}-{number}", std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_is_namespace_and_type() {
        assert_eq!(PROVIDER_SOURCE, format!("{PROVIDER_NAMESPACE}/{PROVIDER_TYPE}"));
    }

    #[test]
    fn the_configuration_names_both_registries() {
        let mirror = Mirror {
            folder: PathBuf::from("/m"),
        };
        let closed = mirror.cli_config("");
        assert!(closed.contains("path    = \"/m/providers\""), "{closed}");
        assert!(
            closed.contains("\"registry.terraform.io/tap-platform/tap\", \"registry.opentofu.org/tap-platform/tap\"")
        );
        assert!(!closed.contains("direct"));
        assert!(
            mirror
                .cli_config(OTHER_PROVIDERS_DIRECT)
                .contains("direct {\n    exclude = [\"registry.terraform.io")
        );
    }
}
