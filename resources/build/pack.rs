//! The two packages of one handler binary: the zip, and the layer of a container image.
//!
//! The image starts from nothing (`scratch`), so its layer carries what the binary needs besides
//! the kernel: the dynamic loader, the C libraries it is linked with, and the CA certificates. They
//! come from the machine that builds the provider.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Write as _};
use std::path::Path;

use base64::Engine as _;
use flate2::{Compression, GzBuilder};
use sha2::{Digest as _, Sha256};

use super::elf;

/// Where the image's libraries live; `src/bundle.rs` points `LD_LIBRARY_PATH` there, because the
/// loader's built-in folders differ between distributions.
const LIBRARIES: &str = "usr/lib/tap";
/// Where the image's CA certificates live (`SSL_CERT_FILE` in `src/bundle.rs`).
const CERTIFICATES: &str = "etc/ssl/certs/ca-certificates.crt";
/// Where distributions keep the CA certificates: Debian, Fedora, openSUSE.
const CERTIFICATE_SOURCES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
];

/// Why an image cannot be packed here.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PackError {
    /// The bootstrap is for another machine, or no executable at all.
    #[error("the bootstrap is not a Linux executable for {0}")]
    NotExecutable(String),
    /// A shared object is not on the build machine.
    #[error("the build machine has no {library} for {architecture} (looked in {folders})")]
    NoLibrary {
        library: String,
        architecture: String,
        folders: String,
    },
    /// No CA certificates on the build machine.
    #[error("the build machine has no CA certificates (package ca-certificates)")]
    NoCertificates,
    /// Writing the archive failed.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// A packed layer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PackedLayer {
    /// The compressed archive.
    pub(crate) gzip: Vec<u8>,
    /// `sha256:<hex>` of the compressed archive.
    pub(crate) digest: String,
    /// `sha256:<hex>` of the archive itself.
    pub(crate) diff_id: String,
}

/// A zip with the one file `bootstrap`, mode 0755, dated 1980-01-01.
pub(crate) fn zip(bootstrap: &[u8], fast: bool) -> zip::result::ZipResult<Vec<u8>> {
    let options = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated)
        .compression_level(Some(if fast { 1 } else { 9 }))
        .last_modified_time(zip::DateTime::default())
        .unix_permissions(0o755);
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("bootstrap", options)?;
    writer.write_all(bootstrap)?;
    Ok(writer.finish()?.into_inner())
}

/// The form of Lambda's `CodeSha256`.
pub(crate) fn base64_sha256(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(Sha256::digest(bytes))
}

/// The image's layer.
pub(crate) fn layer(architecture: &str, bootstrap: &[u8], fast: bool) -> Result<PackedLayer, PackError> {
    let mut files = run_time_files(architecture, bootstrap)?;
    files.insert("var/runtime/bootstrap".to_owned(), bootstrap.to_vec());
    let archive = archive(&files)?;
    let level = if fast { Compression::fast() } else { Compression::best() };
    let mut encoder = GzBuilder::new().mtime(0).write(Vec::new(), level);
    encoder.write_all(&archive)?;
    let gzip = encoder.finish()?;
    Ok(PackedLayer {
        digest: digest(&gzip),
        diff_id: digest(&archive),
        gzip,
    })
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// Loader, libraries (with what those need) and certificates, by path in the image.
fn run_time_files(architecture: &str, bootstrap: &[u8]) -> Result<BTreeMap<String, Vec<u8>>, PackError> {
    let elf = elf::read(bootstrap)
        .filter(|elf| elf.architecture == architecture)
        .ok_or_else(|| PackError::NotExecutable(architecture.to_owned()))?;
    let mut files = BTreeMap::new();
    let mut wanted = elf.needed;
    let loader = elf.interpreter.unwrap_or_default();
    let loader_name = loader.rsplit('/').next().unwrap_or_default();
    if !loader.is_empty() {
        let (bytes, _) = library(architecture, loader_name)?;
        files.insert(loader.trim_start_matches('/').to_owned(), bytes);
    }
    while let Some(name) = wanted.pop() {
        let path = format!("{LIBRARIES}/{name}");
        // The C library needs the loader, which is in memory already.
        if files.contains_key(&path) || name == loader_name {
            continue;
        }
        let (bytes, needs) = library(architecture, &name)?;
        files.insert(path, bytes);
        wanted.extend(needs);
    }
    let certificates = CERTIFICATE_SOURCES
        .iter()
        .find_map(|path| fs::read(path).ok())
        .ok_or(PackError::NoCertificates)?;
    files.insert(CERTIFICATES.to_owned(), certificates);
    Ok(files)
}

/// A shared object of the build machine and the names of those that it needs itself.
fn library(architecture: &str, name: &str) -> Result<(Vec<u8>, Vec<String>), PackError> {
    let folders = library_folders(architecture);
    folders
        .iter()
        .filter_map(|folder| fs::read(Path::new(folder).join(name)).ok())
        .find_map(|bytes| {
            let elf = elf::read(&bytes).filter(|elf| elf.architecture == architecture)?;
            Some((bytes, elf.needed))
        })
        .ok_or_else(|| PackError::NoLibrary {
            library: name.to_owned(),
            architecture: architecture.to_owned(),
            folders: folders.join(", "),
        })
}

/// Native folders (Debian, Fedora) and those of Debian's cross packages
/// (`libc6-arm64-cross`, `libgcc-s1-arm64-cross`).
fn library_folders(architecture: &str) -> &'static [&'static str] {
    match architecture {
        "arm64" => &[
            "/lib/aarch64-linux-gnu",
            "/usr/lib/aarch64-linux-gnu",
            "/usr/aarch64-linux-gnu/lib",
            "/lib64",
            "/lib",
        ],
        _ => &[
            "/lib/x86_64-linux-gnu",
            "/usr/lib/x86_64-linux-gnu",
            "/usr/x86_64-linux-gnu/lib",
            "/lib64",
        ],
    }
}

/// A tar archive without anything that changes from build to build: fixed order, owner 0, date 0.
fn archive(files: &BTreeMap<String, Vec<u8>>) -> std::io::Result<Vec<u8>> {
    let mut folders = std::collections::BTreeSet::from(["var/task/".to_owned(), "tmp/".to_owned()]);
    for path in files.keys() {
        for (at, _) in path.match_indices('/') {
            folders.insert(path[..=at].to_owned());
        }
    }
    folders.insert("var/".to_owned());
    let mut builder = tar::Builder::new(Vec::new());
    for folder in &folders {
        let mut header = header(tar::EntryType::Directory, 0o755, 0);
        builder.append_data(&mut header, folder, std::io::empty())?;
    }
    for (path, bytes) in files {
        let mode = if path == CERTIFICATES { 0o644 } else { 0o755 };
        let mut header = header(tar::EntryType::Regular, mode, bytes.len() as u64);
        builder.append_data(&mut header, path, bytes.as_slice())?;
    }
    builder.into_inner()
}

fn header(kind: tar::EntryType, mode: u32, size: u64) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}
