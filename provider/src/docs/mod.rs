//! `terraform-provider-tap docs <folder>`: the pages for the Terraform registry, written from the schemas
//! and `examples/` in the layout and style of terraform-plugin-docs
//! (<https://developer.hashicorp.com/terraform/registry/providers/docs>).
//!
//! Everything comes from the provider's own lists, so a new resource needs no change here, only its example.

mod page;
mod schema;

use std::io;
use std::path::{Path, PathBuf};

use tap_plugin::Provider;
use thiserror::Error;

use page::{Kind, Page};

/// Why the pages could not be written.
#[derive(Debug, Error)]
pub(crate) enum DocsError {
    /// The command line names no folder.
    #[error("usage: terraform-provider-tap docs <folder to write to> [<folder of examples>]")]
    Usage,
    /// Every page shows how the thing is used.
    #[error("{page} needs an example in {}: {source}", .path.display())]
    Example {
        page: String,
        path: PathBuf,
        source: io::Error,
    },
    /// The folder cannot be written.
    #[error("cannot write {}: {source}", .path.display())]
    Write { path: PathBuf, source: io::Error },
}

/// The command: `arguments` are those after `docs`. Examples are looked for in `examples` by default,
/// so it is to be run from the workspace's root.
pub(crate) fn command(
    provider: &dyn Provider,
    name: &str,
    mut arguments: impl Iterator<Item = String>,
) -> Result<(), DocsError> {
    let target = PathBuf::from(arguments.next().ok_or(DocsError::Usage)?);
    let examples = PathBuf::from(arguments.next().unwrap_or_else(|| "examples".to_owned()));
    for page in pages(provider, name) {
        write(&target.join(page.path()), &page.render(&examples)?)?;
    }
    Ok(())
}

/// All pages of a provider, whose name is the prefix of its types.
fn pages(provider: &dyn Provider, name: &str) -> Vec<Page> {
    let mut pages = vec![Page::of_schema(Kind::Provider, name, name, &provider.schema())];
    let resources = provider.resources();
    pages.extend(
        resources
            .iter()
            .map(|r| Page::of_schema(Kind::Resource, name, r.type_name(), &r.schema())),
    );
    let data_sources = provider.data_sources();
    pages.extend(
        data_sources
            .iter()
            .map(|d| Page::of_schema(Kind::DataSource, name, d.type_name(), &d.schema())),
    );
    let ephemeral = provider.ephemeral_resources();
    pages.extend(
        ephemeral
            .iter()
            .map(|e| Page::of_schema(Kind::EphemeralResource, name, e.type_name(), &e.schema())),
    );
    let functions = provider.functions();
    pages.extend(
        functions
            .iter()
            .map(|f| Page::of_function(name, f.name(), &f.definition())),
    );
    pages
}

fn write(path: &Path, text: &str) -> Result<(), DocsError> {
    let failed = |source| DocsError::Write {
        path: path.to_owned(),
        source,
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    std::fs::write(path, text).map_err(failed)
}

#[cfg(test)]
mod references;
#[cfg(test)]
mod tests;
