//! Bodies that are sent in chunks (RFC 9112, 7.1): the data without what is around it.

use actix_web::web::BytesMut;

/// What may stand around the data beyond its own length, in bytes: lines of sizes, extensions, trailers.
const AROUND_MAX: usize = 32 << 10;
/// Digits of a chunk's size.
const DIGITS_MAX: u8 = 8;

/// Takes chunks apart as they come.
#[derive(Debug, Default)]
pub(super) struct Chunked {
    at: At,
    data: usize,
    around: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    /// Before the first digit of a size.
    #[default]
    Start,
    Size {
        left: usize,
        digits: u8,
    },
    /// Behind the digits, up to the end of the line.
    Extension {
        left: usize,
    },
    Data {
        left: usize,
    },
    /// Between a chunk's data and the next line: only an end of line.
    AfterData,
    /// At the start of a line behind the last chunk.
    Trailer,
    /// Within a line behind the last chunk.
    InTrailer,
    End,
}

/// No chunks, or too much around too little.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BadChunks;

impl Chunked {
    /// Moves the data of what has come to `data`. What follows the last chunk stays.
    ///
    /// # Errors
    ///
    /// [`BadChunks`].
    pub(super) fn take(&mut self, wire: &mut BytesMut, data: &mut BytesMut) -> Result<(), BadChunks> {
        while !wire.is_empty() && self.at != At::End {
            if let At::Data { left } = self.at {
                let piece = wire.split_to(left.min(wire.len()));
                data.extend_from_slice(&piece);
                self.data += piece.len();
                let left = left - piece.len();
                self.at = if left == 0 { At::AfterData } else { At::Data { left } };
            } else {
                let byte = wire.split_to(1)[0];
                self.around += 1;
                if self.around > AROUND_MAX + self.data {
                    return Err(BadChunks);
                }
                self.at = self.at.after(byte)?;
            }
        }
        Ok(())
    }

    /// Whether the last chunk and what follows it have come.
    pub(super) fn is_complete(&self) -> bool {
        self.at == At::End
    }
}

impl At {
    fn after(self, byte: u8) -> Result<Self, BadChunks> {
        match (self, byte) {
            (Self::Start, digit) => Self::digit(0, 0, digit),
            (Self::Size { left, .. }, b'\r' | b';' | b' ' | b'\t') => Ok(Self::Extension { left }),
            (Self::Size { left, .. } | Self::Extension { left }, b'\n') => {
                Ok(if left == 0 { Self::Trailer } else { Self::Data { left } })
            }
            (Self::Size { left, digits }, digit) => Self::digit(left, digits, digit),
            (Self::Extension { left }, _) => Ok(Self::Extension { left }),
            (Self::AfterData, b'\r') => Ok(Self::AfterData),
            (Self::AfterData, b'\n') => Ok(Self::Start),
            (Self::Trailer, b'\n') => Ok(Self::End),
            (Self::Trailer, b'\r') | (Self::InTrailer, b'\n') => Ok(Self::Trailer),
            (Self::Trailer | Self::InTrailer, _) => Ok(Self::InTrailer),
            (Self::AfterData | Self::Data { .. } | Self::End, _) => Err(BadChunks),
        }
    }

    fn digit(left: usize, digits: u8, byte: u8) -> Result<Self, BadChunks> {
        let value = char::from(byte).to_digit(16).ok_or(BadChunks)?;
        if digits == DIGITS_MAX {
            return Err(BadChunks);
        }
        Ok(Self::Size { left: left << 4 | value as usize, digits: digits + 1 })
    }
}

/// The same data as one chunk of our own.
pub(super) fn put_chunk(data: &[u8], out: &mut BytesMut) {
    out.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
    out.extend_from_slice(data);
    out.extend_from_slice(b"\r\n");
}

/// The end of a body in chunks.
pub(super) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    /// The data, whether it is complete, and what is left.
    fn take(pieces: &[&[u8]]) -> Result<(Vec<u8>, bool, Vec<u8>), BadChunks> {
        let (mut chunked, mut wire, mut data) = (Chunked::default(), BytesMut::new(), BytesMut::new());
        for piece in pieces {
            wire.extend_from_slice(piece);
            chunked.take(&mut wire, &mut data)?;
        }
        Ok((data.to_vec(), chunked.is_complete(), wire.to_vec()))
    }

    #[test]
    fn chunks_are_joined_wherever_they_are_cut() {
        let wire = b"4\r\nWiki\r\n6;name=\"value\"\r\npedia \r\nE\r\nin \r\n\r\nchunks.\r\n0\r\nTrailer: x\r\n\r\nGET";
        let whole = take(&[wire]).expect("chunks");
        assert_eq!(whole, (b"Wikipedia in \r\n\r\nchunks.".to_vec(), true, b"GET".to_vec()));
        for at in 0..wire.len() {
            assert_eq!(take(&[&wire[..at], &wire[at..]]), Ok(whole.clone()), "cut at {at}");
        }
        let single: Vec<&[u8]> = wire.chunks(1).collect();
        assert_eq!(take(&single), Ok(whole));
    }

    #[test]
    fn what_is_missing_is_not_complete() {
        for wire in ["", "4\r\n", "4\r\nWiki\r\n", "0\r\n", "0\r\nTrailer: x\r\n"] {
            assert!(!take(&[wire.as_bytes()]).expect("so far").1, "{wire:?}");
        }
        assert!(take(&[b"0\r\n\r\n"]).expect("all").1);
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        for wire in ["x", "-1\r\n", "\r\n", "4\r\nWikix", "fffffffff\r\n", "0x4\r\nWiki\r\n"] {
            assert_eq!(take(&[wire.as_bytes()]), Err(BadChunks), "{wire:?}");
        }
    }

    #[test]
    fn too_much_around_too_little_is_refused() {
        assert_eq!(take(&["1\r\nx\r\n".repeat(20_000).as_bytes()]), Err(BadChunks));
        let extension = format!("4;{}", "x".repeat(AROUND_MAX + 1));
        assert_eq!(take(&[extension.as_bytes()]), Err(BadChunks));
        assert!(take(&[format!("400\r\n{}\r\n", "x".repeat(1_024)).repeat(500).as_bytes()]).is_ok());
    }

    #[test]
    fn our_own_chunks_are_understood() {
        let mut wire = BytesMut::new();
        put_chunk(b"some data", &mut wire);
        wire.extend_from_slice(LAST_CHUNK);
        assert_eq!(take(&[&wire]), Ok((b"some data".to_vec(), true, Vec::new())));
    }
}
