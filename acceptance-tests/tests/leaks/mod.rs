//! Where a text is that should be nowhere: in the files of a working folder. Those are the configuration, the state, saved
//! plans, and what every command wrote to standard output and standard error, the provider's log included.

use std::path::Path;

/// Files below `folder` that hold the text, as it stands or in base64 as in a state's `private`; a saved plan is a zip and is
/// looked into.
pub(crate) fn files_with(folder: &Path, text: &str) -> Vec<String> {
    let mut forms: Vec<Vec<u8>> = (0..3).map(|before| in_base64(text.as_bytes(), before)).collect();
    forms.push(text.as_bytes().to_vec());
    let mut found = Vec::new();
    visit(folder, &mut |path, content| {
        let holds = |form: &Vec<u8>| content.windows(form.len()).any(|window| window == form);
        if forms.iter().any(holds) {
            found.push(path.display().to_string());
        }
    });
    found.dedup();
    found
}

/// Calls `see` with every file, and with every member of a zip.
fn visit(folder: &Path, see: &mut impl FnMut(&Path, &[u8])) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() {
            // The provider's own binary lies under .terraform.
            if path.file_name().is_some_and(|name| name != ".terraform") {
                visit(&path, see);
            }
            continue;
        }
        let Ok(content) = std::fs::read(&path) else { continue };
        see(&path, &content);
        if let Ok(mut archive) = zip::ZipArchive::new(std::io::Cursor::new(content)) {
            for index in 0..archive.len() {
                let mut member = Vec::new();
                std::io::Read::read_to_end(&mut archive.by_index(index).unwrap(), &mut member).unwrap();
                see(&path, &member);
            }
        }
    }
}

/// What a text looks like inside a longer one in base64, with this many bytes before it modulo three: the digits that are the
/// text's alone.
fn in_base64(text: &[u8], before: usize) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits = |index: usize| (index >= before).then(|| text[index - before]);
    let digit = |position: usize| {
        let (byte, shift) = (position * 6 / 8, position * 6 % 8);
        let next = if shift > 2 { bits(byte + 1)? } else { 0 };
        let pair = (u16::from(bits(byte)?) << 8) | u16::from(next);
        Some(DIGITS[usize::from((pair >> (10 - shift)) & 63)])
    };
    let count = (before + text.len()) * 8 / 6;
    (0..count).filter_map(digit).collect()
}

#[test]
fn base64_is_found_wherever_the_text_begins() {
    // printf 'xsecrety' | base64, and so on.
    assert_eq!(in_base64(b"secret", 0), b"c2VjcmV0");
    for (before, whole) in [(0, "c2VjcmV0eQ=="), (1, "eHNlY3JldHk="), (2, "eHhzZWNyZXR5")] {
        let form = in_base64(b"secret", before);
        assert!(form.len() > 5);
        assert!(whole.contains(std::str::from_utf8(&form).unwrap()), "{before}");
    }
}
