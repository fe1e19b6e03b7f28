//! msgpack tokens, written in their shortest form.

pub(super) fn nil(out: &mut Vec<u8>) {
    out.push(0xc0);
}

/// cty's plain unknown: a one-byte extension of type 0.
pub(super) fn unknown(out: &mut Vec<u8>) {
    out.extend_from_slice(&[0xd4, 0x00, 0x00]);
}

pub(super) fn bool(out: &mut Vec<u8>, value: bool) {
    out.push(if value { 0xc3 } else { 0xc2 });
}

pub(super) fn int(out: &mut Vec<u8>, value: i64) {
    if let Ok(small) = u8::try_from(value) {
        if small >= 0x80 {
            out.push(0xcc);
        }
        out.push(small);
    } else if let (-32..0, Ok(small)) = (value, i8::try_from(value)) {
        out.extend_from_slice(&small.to_be_bytes());
    } else if let Ok(short) = i16::try_from(value) {
        out.push(0xd1);
        out.extend_from_slice(&short.to_be_bytes());
    } else if let Ok(word) = i32::try_from(value) {
        out.push(0xd2);
        out.extend_from_slice(&word.to_be_bytes());
    } else {
        out.push(0xd3);
        out.extend_from_slice(&value.to_be_bytes());
    }
}

/// A length with the markers for 1 (where there is one), 2 and 4 bytes. `None` above 32 bits.
fn length(out: &mut Vec<u8>, length: usize, one: Option<u8>, two: u8, four: u8) -> Option<()> {
    match (one, u8::try_from(length), u16::try_from(length)) {
        (Some(marker), Ok(byte), _) => out.extend_from_slice(&[marker, byte]),
        (_, _, Ok(short)) => {
            out.push(two);
            out.extend_from_slice(&short.to_be_bytes());
        }
        _ => {
            out.push(four);
            out.extend_from_slice(&u32::try_from(length).ok()?.to_be_bytes());
        }
    }
    Some(())
}

fn fixed(size: usize, below: u8) -> Option<u8> {
    u8::try_from(size).ok().filter(|size| *size < below)
}

pub(super) fn str(out: &mut Vec<u8>, text: &str) -> Option<()> {
    match fixed(text.len(), 32) {
        Some(size) => out.push(0xa0 | size),
        None => length(out, text.len(), Some(0xd9), 0xda, 0xdb)?,
    }
    out.extend_from_slice(text.as_bytes());
    Some(())
}

pub(super) fn bin(out: &mut Vec<u8>, bytes: &[u8]) -> Option<()> {
    length(out, bytes.len(), Some(0xc4), 0xc5, 0xc6)?;
    out.extend_from_slice(bytes);
    Some(())
}

pub(super) fn array(out: &mut Vec<u8>, count: usize) -> Option<()> {
    match fixed(count, 16) {
        Some(size) => out.push(0x90 | size),
        None => length(out, count, None, 0xdc, 0xdd)?,
    }
    Some(())
}

pub(super) fn map(out: &mut Vec<u8>, count: usize) -> Option<()> {
    match fixed(count, 16) {
        Some(size) => out.push(0x80 | size),
        None => length(out, count, None, 0xde, 0xdf)?,
    }
    Some(())
}
