//! What the documents refer to is there: files, tests, examples (X-09: claims are checked).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All files below a folder whose names end so; not what builds have made.
fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            found.extend(files(&path, end));
        } else if path.is_file() && name.ends_with(end) {
            found.push(path);
        }
    }
    found
}

/// The documents, without what stands in fenced blocks.
fn documents() -> BTreeMap<PathBuf, String> {
    let all = files(&root(), ".md").into_iter();
    all.map(|path| {
        let text = fs::read_to_string(&path).unwrap();
        let outside = text.split("```").step_by(2).collect::<Vec<_>>().concat();
        (path, outside)
    })
    .collect()
}

/// What stands between backquotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// `a/b.rs`, `docs/`, `tools/run-tests`: a path of this repository, and not one of AWS's or of a URL.
fn is_path(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    let Some((first, _)) = text.split_once('/').filter(|_| text.chars().all(plain)) else {
        return false;
    };
    let ends = [".rs", ".md", ".py", ".tf", ".toml", ".snap"];
    let own = ends.iter().any(|end| text.ends_with(end)) && !first.is_empty();
    own || (root().join(first).is_dir() && first != "target" && !first.is_empty() && first != "." && first != "..")
}

#[test]
fn every_path_in_the_documents_leads_somewhere() {
    let mut seen = 0;
    let mut wrong = Vec::new();
    for (document, text) in documents() {
        let folder = document.parent().unwrap();
        let mut paths: Vec<&str> = quoted(&text).filter(|text| is_path(text)).collect();
        // Markdown links: `](target)`.
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let outside =
            |target: &&str| target.starts_with('#') || target.contains("://") || target.starts_with("mailto:");
        paths.extend(targets.filter(|target| !outside(target)));
        for path in paths {
            seen += 1;
            let file = path.split('#').next().unwrap_or_default();
            // Documents speak of files from the root, or, in a crate's own README, from there.
            if ![root().join(file), folder.join(file), folder.join("src").join(file)]
                .iter()
                .any(|p| p.exists())
            {
                wrong.push(format!("{}: {path}", document.display()));
            }
        }
    }
    assert!(seen > 100, "{seen}");
    assert!(wrong.is_empty(), "not there:\n{}", wrong.join("\n"));
}

/// Names of all functions, tests among them.
fn functions() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in files(&root(), ".rs") {
        let text = fs::read_to_string(&file).unwrap();
        for rest in text.split("fn ").skip(1) {
            let name = rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next();
            names.extend(name.filter(|name| !name.is_empty()).map(ToOwned::to_owned));
        }
    }
    names
}

/// The last column of the tables of differences names tests, in full or, with `…`, by their beginning.
#[test]
fn every_test_cited_for_a_defect_exists() {
    let functions = functions();
    let (mut seen, mut wrong) = (0, Vec::new());
    for (document, text) in documents() {
        if !document
            .file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with("differences-")
        {
            continue;
        }
        let mut is_of_tests = false;
        for line in text.lines() {
            is_of_tests = line.starts_with('|') && (is_of_tests || line.ends_with("| tested |"));
            let tested = line.trim_end_matches(" |").rsplit(" | ").next().unwrap_or_default();
            for name in quoted(tested).filter(|_| is_of_tests) {
                let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '…';
                if !name.contains('_') || !name.chars().all(plain) {
                    continue;
                }
                seen += 1;
                let exists = match name.strip_suffix('…') {
                    Some(start) => functions.iter().any(|function| function.starts_with(start)),
                    None => functions.contains(name),
                };
                if !exists {
                    wrong.push(format!("{}: {name}", document.display()));
                }
            }
        }
    }
    assert!(seen > 150, "{seen}");
    assert!(wrong.is_empty(), "no such test:\n{}", wrong.join("\n"));
}

/// 9.3: one example per seed and more, none of which only stands there.
#[test]
fn every_example_is_used_by_a_test() {
    let tests = files(&root().join("acceptance-tests/tests"), ".rs");
    let tests: String = tests.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let mut examples = 0;
    for entry in fs::read_dir(root().join("examples")).unwrap() {
        let path = entry.unwrap().path();
        if path.join("main.tf").is_file() {
            examples += 1;
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let used = [format!("\"{name}\""), format!("\"{name}/main.tf\"")];
            assert!(
                used.iter().any(|name| tests.contains(name)),
                "no test applies examples/{name}"
            );
        }
    }
    assert!(examples >= 9, "{examples}");
}

/// X-01: copied as they stand, two examples' states never overwrite each other. P-35: encrypted and locked.
#[test]
fn x01_p35_backends_in_examples_are_encrypted_locked_and_apart() {
    let mut keys = Vec::new();
    for file in files(&root().join("examples"), ".tf") {
        let text = fs::read_to_string(&file).unwrap();
        let Some((_, backend)) = text.split_once("backend \"s3\"") else {
            continue;
        };
        let backend = backend.split('}').next().unwrap_or_default();
        let value = |name: &str| {
            let line = backend
                .lines()
                .map(|line| line.trim_start_matches(['#', ' ']))
                .find(|l| l.starts_with(name));
            line.and_then(|line| line.split_once('='))
                .map(|(_, value)| value.trim().to_owned())
        };
        assert_eq!(value("encrypt").as_deref(), Some("true"), "{}", file.display());
        assert_eq!(value("use_lockfile").as_deref(), Some("true"), "{}", file.display());
        keys.push(value("key").unwrap());
    }
    let distinct: BTreeSet<&String> = keys.iter().collect();
    assert!(keys.len() >= 3 && distinct.len() == keys.len(), "{keys:?}");
}

/// P-43: what is fetched is fixed to the version.
#[test]
fn p43_what_is_fetched_is_pinned() {
    assert!(root().join("Cargo.lock").is_file());
    for list in ["sandbox-requirements.txt", "release-requirements.txt"] {
        let text = fs::read_to_string(root().join("tools").join(list)).unwrap();
        let needs: Vec<&str> = text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .collect();
        assert!(
            !needs.is_empty() && needs.iter().all(|line| line.contains("==")),
            "{list}: {needs:?}"
        );
    }
}

/// O-51: the README says the versions that the set-up checks.
#[test]
fn o51_versions_are_stated_where_they_are_checked() {
    let read = |file: &str| fs::read_to_string(root().join(file)).unwrap();
    let (readme, setup, manifest) = (read("README.md"), read("tools/setup-sandbox"), read("Cargo.toml"));
    assert!(readme.contains("Terraform 1.11 or later, or OpenTofu 1.11 or later"));
    assert!(setup.contains("< (1, 11)"));
    let rust = manifest.lines().find_map(|line| line.strip_prefix("rust-version = \""));
    let rust = rust.and_then(|rest| rest.split('"').next()).unwrap();
    assert!(readme.contains(&format!("Rust {rust} or later")) && setup.contains(&format!("Rust {rust} or newer")));
    assert!(readme.contains("Python 3.10 or later") && setup.contains("(3, 10)"));
}
