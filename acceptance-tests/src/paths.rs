//! Where things are: all that is generated lives under the target folder.

use crate::{Error, Result};
use std::path::{Path, PathBuf};

/// The folder with the workspace's Cargo.toml. Looked for at run time first: with one target folder
/// for several clones, the compiled-in path may be another clone's.
pub fn workspace_root() -> PathBuf {
    let run_by_cargo = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let here = run_by_cargo.or_else(|| std::env::current_dir().ok());
    let found = here
        .as_deref()
        .and_then(|folder| folder.ancestors().find(|f| is_workspace(f)));
    let compiled_in = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fallback = compiled_in.parent().unwrap_or(compiled_in);
    found.unwrap_or(fallback).to_path_buf()
}

fn is_workspace(folder: &Path) -> bool {
    folder.join("acceptance-tests/sandbox/launch.py").is_file()
}

/// Cargo's target folder: `CARGO_TARGET_DIR`, else `target` in the workspace.
pub fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) if !dir.is_empty() => workspace_root().join(dir),
        _ => workspace_root().join("target"),
    }
}

/// The provider that is tested: `TAP_PROVIDER_BINARY`, else the debug build in the target folder.
pub fn provider_binary() -> Result<PathBuf> {
    let path = match std::env::var_os("TAP_PROVIDER_BINARY") {
        Some(path) if !path.is_empty() => PathBuf::from(path),
        _ => target_dir()
            .join("debug")
            .join(format!("terraform-provider-tap{}", std::env::consts::EXE_SUFFIX)),
    };
    existing(path, "the provider", "make build")
}

/// The bundled handlers, one folder per Lambda architecture (`x86_64`, `arm64`), each with a `bootstrap`.
pub fn handlers_dir() -> PathBuf {
    target_dir().join("handlers")
}

/// The Python that has ministack installed.
pub fn sandbox_python() -> Result<PathBuf> {
    existing(
        target_dir().join("venv/bin/python"),
        "the sandbox's Python environment",
        "make setup",
    )
}

pub(crate) fn sandbox_launcher() -> PathBuf {
    workspace_root().join("acceptance-tests/sandbox/launch.py")
}

/// Creates a folder with its parents.
pub(crate) fn create_dir(path: PathBuf) -> Result<PathBuf> {
    std::fs::create_dir_all(&path).map_err(Error::file(&path))?;
    Ok(path)
}

fn existing(path: PathBuf, what: &'static str, remedy: &'static str) -> Result<PathBuf> {
    if path.exists() {
        Ok(path)
    } else {
        Err(Error::NotBuilt { what, path, remedy })
    }
}
