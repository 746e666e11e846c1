//! The caller's store: entries in, write sets out, roll back.

use openmls::group::GroupId;

use super::{read_group_id, MemberEngine, Reply};
use crate::error::{Outcome, GROUP_EXISTS, GROUP_MISSING, LIMIT, UNWRITTEN};
use crate::frame::{FrameReader, FrameWriter};
use crate::store::group_prefix;
use crate::store_tracking::group_of_key;

const MAX_ENTRIES_PER_CALL: usize = 65_536;
const MAX_KEY_BYTES: usize = 4_096;
const MAX_VALUE_BYTES: usize = 67_108_864;

impl MemberEngine {
    pub fn restore(&mut self, input: &mut FrameReader) -> Reply {
        for _ in 0..input.count(MAX_ENTRIES_PER_CALL)? {
            let key = input.bytes(MAX_KEY_BYTES)?;
            self.provider.store.restore(key, input.bytes(MAX_VALUE_BYTES)?)?;
        }
        input.end()?;
        Ok(FrameWriter::default())
    }

    pub fn load(&mut self, input: &mut FrameReader) -> Reply {
        let group_id = read_group_id(input)?;
        input.end()?;
        if self.groups.contains_key(group_id) {
            return Err(GROUP_EXISTS);
        }
        let group = self.read(group_id)?.ok_or(GROUP_MISSING)?;
        self.adopt(group);
        Ok(FrameWriter::default())
    }

    pub fn unload(&mut self, input: &mut FrameReader) -> Reply {
        let group_id = read_group_id(input)?;
        input.end()?;
        let prefix = group_prefix(group_id);
        if self.provider.store.has_writes_for(&prefix) {
            return Err(UNWRITTEN);
        }
        self.groups.remove(group_id).ok_or(GROUP_MISSING)?;
        self.provider.store.forget_prefix(&prefix);
        Ok(FrameWriter::default())
    }

    pub fn delete(&mut self, input: &mut FrameReader) -> Reply {
        let group_id = read_group_id(input)?;
        input.end()?;
        let prefix = group_prefix(group_id);
        if self.provider.store.keys_with_prefix(&prefix).is_empty() {
            return Err(GROUP_MISSING);
        }
        self.operation(|engine| {
            engine.provider.store.delete_prefix(&prefix);
            engine.groups.remove(group_id);
            Ok(FrameWriter::default())
        })
    }

    pub fn groups(&mut self, input: &mut FrameReader) -> Reply {
        input.end()?;
        let mut frame = FrameWriter::default();
        frame.count(self.groups.len());
        for group_id in self.groups.keys() {
            frame.bytes(group_id);
        }
        Ok(frame)
    }

    pub fn peek_writes(&mut self, input: &mut FrameReader) -> Reply {
        input.end()?;
        let writes = self.provider.store.writes();
        let mut frame = FrameWriter::default();
        frame.count(writes.len());
        for (key, value) in writes {
            frame.bytes(&key).optional_bytes(value.as_deref());
        }
        Ok(frame)
    }

    pub fn commit_writes(&mut self, input: &mut FrameReader) -> Reply {
        input.end()?;
        self.provider.store.commit_writes();
        Ok(FrameWriter::default())
    }

    pub fn rollback(&mut self, input: &mut FrameReader) -> Reply {
        input.end()?;
        let touched = self.provider.store.rollback();
        self.reload(&touched)?;
        self.reload_deleted(&touched)?;
        Ok(FrameWriter::default())
    }

    /// A group that was deleted and comes back by rolling back is loaded again.
    fn reload_deleted(&mut self, touched: &[Vec<u8>]) -> Outcome<()> {
        for group_id in touched.iter().filter_map(|key| group_of_key(key)) {
            if self.groups.contains_key(group_id) {
                continue;
            }
            if let Some(group) = self.read(group_id)? {
                self.adopt(group);
            }
        }
        Ok(())
    }

    /// Removes what an earlier membership left, when a device joins again.
    pub(super) fn clear_group(&self, group_id: &GroupId) -> Outcome<()> {
        if group_id.as_slice().len() != crate::limits::GROUP_ID_BYTES {
            return Err(LIMIT);
        }
        self.provider.store.delete_prefix(&group_prefix(group_id.as_slice()));
        Ok(())
    }
}
