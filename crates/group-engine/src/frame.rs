//! The call frame between TypeScript and here: little-endian integers and
//! length-prefixed bytes, nothing else. js/frame.ts is its counterpart.

use crate::error::{EngineError, Outcome, LIMIT, USAGE};

/// Reads a call's arguments; borrows, copies nothing.
pub struct FrameReader<'a> {
    rest: &'a [u8],
}

impl<'a> FrameReader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn take(&mut self, length: usize) -> Outcome<&'a [u8]> {
        let (head, tail) = self.rest.split_at_checked(length).ok_or(USAGE)?;
        self.rest = tail;
        Ok(head)
    }

    pub fn u32(&mut self) -> Outcome<u32> {
        let bytes = self.take(4)?.try_into().map_err(|_| USAGE)?;
        Ok(u32::from_le_bytes(bytes))
    }

    pub fn flag(&mut self) -> Outcome<bool> {
        Ok(self.u32()? != 0)
    }

    pub fn bytes(&mut self, max_bytes: usize) -> Outcome<&'a [u8]> {
        let length = self.u32()? as usize;
        if length > max_bytes {
            return Err(LIMIT);
        }
        self.take(length)
    }

    pub fn optional_bytes(&mut self, max_bytes: usize) -> Outcome<Option<&'a [u8]>> {
        if self.flag()? {
            Ok(Some(self.bytes(max_bytes)?))
        } else {
            Ok(None)
        }
    }

    pub fn optional_u32(&mut self) -> Outcome<Option<u32>> {
        let present = self.flag()?;
        let value = self.u32()?;
        Ok(present.then_some(value))
    }

    /// A list's length; `max` bounds the allocation that follows.
    pub fn count(&mut self, max: usize) -> Outcome<usize> {
        let count = self.u32()? as usize;
        if count > max {
            return Err(LIMIT);
        }
        Ok(count)
    }

    pub fn end(&self) -> Outcome<()> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(USAGE)
        }
    }
}

/// Writes a call's result.
#[derive(Default)]
pub struct FrameWriter {
    bytes: Vec<u8>,
}

impl FrameWriter {
    pub fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes.extend_from_slice(&value.to_le_bytes());
        self
    }

    pub fn u64(&mut self, value: u64) -> &mut Self {
        self.bytes.extend_from_slice(&value.to_le_bytes());
        self
    }

    pub fn flag(&mut self, value: bool) -> &mut Self {
        self.u32(u32::from(value))
    }

    pub fn count(&mut self, value: usize) -> &mut Self {
        self.u32(u32::try_from(value).unwrap_or(u32::MAX))
    }

    pub fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.count(value.len());
        self.bytes.extend_from_slice(value);
        self
    }

    pub fn optional_bytes(&mut self, value: Option<&[u8]>) -> &mut Self {
        self.flag(value.is_some());
        if let Some(value) = value {
            self.bytes(value);
        }
        self
    }

    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// A result as it crosses the boundary: status, then payload or code and message.
pub fn encode_outcome(outcome: Outcome<FrameWriter>) -> Vec<u8> {
    let mut frame = FrameWriter::default();
    match outcome {
        Ok(payload) => {
            frame.u32(0);
            frame.bytes.extend_from_slice(&payload.bytes);
        }
        Err(EngineError { code, message }) => {
            frame.u32(1).bytes(code.as_bytes()).bytes(message.as_bytes());
        }
    }
    frame.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_was_written() {
        let mut writer = FrameWriter::default();
        writer.u32(7).bytes(b"abc").optional_bytes(None).flag(true);
        let bytes = writer.finish();
        let mut reader = FrameReader::new(&bytes);
        assert_eq!(reader.u32(), Ok(7));
        assert_eq!(reader.bytes(3), Ok(&b"abc"[..]));
        assert_eq!(reader.optional_bytes(3), Ok(None));
        assert_eq!(reader.flag(), Ok(true));
        assert_eq!(reader.end(), Ok(()));
    }

    #[test]
    fn refuses_length_beyond_limit_or_input() {
        let mut writer = FrameWriter::default();
        writer.bytes(b"abcd");
        let bytes = writer.finish();
        assert_eq!(FrameReader::new(&bytes).bytes(3), Err(LIMIT));
        assert_eq!(FrameReader::new(bytes.split_at(6).0).bytes(4), Err(USAGE));
    }
}
