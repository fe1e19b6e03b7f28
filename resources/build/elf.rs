//! As much of the ELF format (64 bit, little endian) as it takes to know which shared objects a
//! binary needs at run time.
//!
//! Format: <https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html>

const LOAD: u32 = 1;
const DYNAMIC: u32 = 2;
const INTERPRETER: u32 = 3;
const NEEDED: u64 = 1;
const STRING_TABLE: u64 = 5;

/// What a binary says about itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Elf {
    /// `x86_64` or `arm64`, Lambda's names.
    pub(crate) architecture: &'static str,
    /// The dynamic loader; none for a static binary and for libraries.
    pub(crate) interpreter: Option<String>,
    /// File names of the shared objects it is linked with.
    pub(crate) needed: Vec<String>,
}

/// Reads the headers; `None` when this is not a 64-bit little-endian ELF file of a known machine.
pub(crate) fn read(file: &[u8]) -> Option<Elf> {
    if file.get(..6)? != [0x7f, b'E', b'L', b'F', 2, 1] {
        return None;
    }
    let mut elf = Elf {
        architecture: match u16_at(file, 18)? {
            62 => "x86_64",
            183 => "arm64",
            _ => return None,
        },
        ..Elf::default()
    };
    let segments = segments(file)?;
    for segment in &segments {
        match segment.kind {
            INTERPRETER => elf.interpreter = Some(text_at(file, segment.offset)?),
            DYNAMIC => elf.needed = needed(file, segment, &segments)?,
            _ => {}
        }
    }
    Some(elf)
}

struct Segment {
    kind: u32,
    offset: usize,
    address: u64,
    size: usize,
}

fn segments(file: &[u8]) -> Option<Vec<Segment>> {
    let table = usize_at(file, 32)?;
    let entry_size = usize::from(u16_at(file, 54)?);
    (0..usize::from(u16_at(file, 56)?))
        .map(|index| {
            let at = table + index * entry_size;
            Some(Segment {
                kind: u32_at(file, at)?,
                offset: usize_at(file, at + 8)?,
                address: u64_at(file, at + 16)?,
                size: usize_at(file, at + 32)?,
            })
        })
        .collect()
}

fn needed(file: &[u8], dynamic: &Segment, segments: &[Segment]) -> Option<Vec<String>> {
    let entries: Vec<(u64, u64)> = (dynamic.offset..dynamic.offset + dynamic.size)
        .step_by(16)
        .map(|at| Some((u64_at(file, at)?, u64_at(file, at + 8)?)))
        .collect::<Option<_>>()?;
    let address = entries.iter().find(|(tag, _)| *tag == STRING_TABLE)?.1;
    // The table is given by its address in memory; the loaded segment around it knows the file's.
    let strings = segments.iter().find_map(|s| {
        let inside = usize::try_from(address.checked_sub(s.address)?).ok()?;
        (s.kind == LOAD && inside < s.size).then_some(s.offset + inside)
    })?;
    entries
        .iter()
        .filter(|(tag, _)| *tag == NEEDED)
        .map(|(_, offset)| text_at(file, strings + usize::try_from(*offset).ok()?))
        .collect()
}

fn bytes_at<const N: usize>(file: &[u8], at: usize) -> Option<[u8; N]> {
    file.get(at..at.checked_add(N)?)?.try_into().ok()
}

fn u16_at(file: &[u8], at: usize) -> Option<u16> {
    bytes_at(file, at).map(u16::from_le_bytes)
}

fn u32_at(file: &[u8], at: usize) -> Option<u32> {
    bytes_at(file, at).map(u32::from_le_bytes)
}

fn u64_at(file: &[u8], at: usize) -> Option<u64> {
    bytes_at(file, at).map(u64::from_le_bytes)
}

fn usize_at(file: &[u8], at: usize) -> Option<usize> {
    u64_at(file, at).and_then(|n| usize::try_from(n).ok())
}

fn text_at(file: &[u8], at: usize) -> Option<String> {
    let bytes = file.get(at..)?;
    let end = bytes.iter().position(|b| *b == 0)?;
    String::from_utf8(bytes[..end].to_vec()).ok()
}
