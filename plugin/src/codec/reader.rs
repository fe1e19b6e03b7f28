//! msgpack tokens, read without copying and without trusting any length.

use super::CodecErrorReason;

/// One msgpack token. Containers give the number of entries that follow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Token<'a> {
    Nil,
    Bool(bool),
    Int(i64),
    UInt(u64),
    Float(f64),
    Str(&'a [u8]),
    Bin(&'a [u8]),
    Array(usize),
    Map(usize),
    Ext(i8),
}

impl Token<'_> {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Nil => "null",
            Self::Bool(_) => "a bool",
            Self::Int(_) | Self::UInt(_) | Self::Float(_) => "a number",
            Self::Str(_) => "a string",
            Self::Bin(_) => "bytes",
            Self::Array(_) => "a list",
            Self::Map(_) => "a map or object",
            Self::Ext(_) => "an extension",
        }
    }
}

pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], CodecErrorReason> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(CodecErrorReason::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], CodecErrorReason> {
        self.take(N)?.try_into().map_err(|_| CodecErrorReason::Truncated)
    }

    /// A big-endian length of 1, 2 or 4 bytes.
    fn length(&mut self, width: usize) -> Result<usize, CodecErrorReason> {
        Ok(self
            .take(width)?
            .iter()
            .fold(0, |length, byte| length << 8 | usize::from(*byte)))
    }

    /// A container's number of entries, refused when the message cannot hold that many.
    fn entries(&self, count: usize, bytes_each: usize) -> Result<usize, CodecErrorReason> {
        let needed = count.checked_mul(bytes_each).ok_or(CodecErrorReason::Truncated)?;
        if needed > self.rest.len() {
            Err(CodecErrorReason::Truncated)
        } else {
            Ok(count)
        }
    }

    fn ext(&mut self, length: usize) -> Result<Token<'a>, CodecErrorReason> {
        let [kind] = self.array()?;
        self.take(length)?;
        Ok(Token::Ext(i8::from_be_bytes([kind])))
    }

    pub(super) fn next(&mut self) -> Result<Token<'a>, CodecErrorReason> {
        let [marker] = self.array()?;
        Ok(match marker {
            0x00..=0x7f => Token::UInt(marker.into()),
            0x80..=0x8f => Token::Map(self.entries(usize::from(marker & 0x0f), 2)?),
            0x90..=0x9f => Token::Array(self.entries(usize::from(marker & 0x0f), 1)?),
            0xa0..=0xbf => Token::Str(self.take(usize::from(marker & 0x1f))?),
            0xc0 => Token::Nil,
            0xc1 => return Err(CodecErrorReason::Marker(marker)),
            0xc2 => Token::Bool(false),
            0xc3 => Token::Bool(true),
            0xc4..=0xc6 => {
                let length = self.length(1 << (marker - 0xc4))?;
                Token::Bin(self.take(length)?)
            }
            0xc7..=0xc9 => {
                let length = self.length(1 << (marker - 0xc7))?;
                self.ext(length)?
            }
            0xca => Token::Float(f32::from_be_bytes(self.array()?).into()),
            0xcb => Token::Float(f64::from_be_bytes(self.array()?)),
            0xcc => Token::UInt(u8::from_be_bytes(self.array()?).into()),
            0xcd => Token::UInt(u16::from_be_bytes(self.array()?).into()),
            0xce => Token::UInt(u32::from_be_bytes(self.array()?).into()),
            0xcf => Token::UInt(u64::from_be_bytes(self.array()?)),
            0xd0 => Token::Int(i8::from_be_bytes(self.array()?).into()),
            0xd1 => Token::Int(i16::from_be_bytes(self.array()?).into()),
            0xd2 => Token::Int(i32::from_be_bytes(self.array()?).into()),
            0xd3 => Token::Int(i64::from_be_bytes(self.array()?)),
            0xd4..=0xd8 => self.ext(1 << (marker - 0xd4))?,
            0xd9..=0xdb => {
                let length = self.length(1 << (marker - 0xd9))?;
                Token::Str(self.take(length)?)
            }
            0xdc | 0xdd => {
                let count = self.length(if marker == 0xdc { 2 } else { 4 })?;
                Token::Array(self.entries(count, 1)?)
            }
            0xde | 0xdf => {
                let count = self.length(if marker == 0xde { 2 } else { 4 })?;
                Token::Map(self.entries(count, 2)?)
            }
            0xe0..=0xff => Token::Int(i8::from_be_bytes([marker]).into()),
        })
    }
}
