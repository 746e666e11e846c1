//! Reading a group's state; nothing here changes it.

use openmls_traits::OpenMlsProvider;

use super::joins::group_info_of;
use super::{read_group_id, MemberEngine, Reply};
use crate::error::{INTERNAL, USAGE};
use crate::frame::{FrameReader, FrameWriter};
use crate::limits::{MAX_AAD_BYTES, MAX_EXPORT_BYTES, MAX_LABEL_BYTES};
use crate::parse;
use crate::store::group_prefix;
use crate::summary::{write_context, write_members};

impl MemberEngine {
    pub fn members(&mut self, input: &mut FrameReader) -> Reply {
        let loaded = self.loaded(read_group_id(input)?)?;
        let mut frame = FrameWriter::default();
        write_members(&mut frame, loaded.group.members())?;
        Ok(frame)
    }

    pub fn status(&mut self, input: &mut FrameReader) -> Reply {
        let group_id = read_group_id(input)?;
        let group = &self.loaded(group_id)?.group;
        let bytes = self.provider.store.bytes_with_prefix(&group_prefix(group_id));
        let mut frame = FrameWriter::default();
        frame
            .u32(group.own_leaf_index().u32())
            .flag(group.is_active())
            .flag(group.pending_commit().is_some())
            .count(bytes);
        Ok(frame)
    }

    pub fn context(&mut self, input: &mut FrameReader) -> Reply {
        let loaded = self.loaded(read_group_id(input)?)?;
        let mut frame = FrameWriter::default();
        write_context(&mut frame, loaded.group.public_group().group_context());
        Ok(frame)
    }

    pub fn epoch_authenticator(&mut self, input: &mut FrameReader) -> Reply {
        let group = self.loaded(read_group_id(input)?)?.active()?;
        let mut frame = FrameWriter::default();
        frame.bytes(group.epoch_authenticator().as_slice());
        Ok(frame)
    }

    pub fn export_secret(&mut self, input: &mut FrameReader) -> Reply {
        let group = self.loaded(read_group_id(input)?)?.active()?;
        let label = std::str::from_utf8(input.bytes(MAX_LABEL_BYTES)?).map_err(|_| USAGE)?;
        let context = input.bytes(MAX_AAD_BYTES)?;
        let length = input.count(MAX_EXPORT_BYTES)?;
        input.end()?;
        let secret = group
            .export_secret(self.provider.crypto(), label, context, length)
            .map_err(|_| INTERNAL)?;
        let mut frame = FrameWriter::default();
        frame.bytes(&secret);
        Ok(frame)
    }

    pub fn export_tree(&mut self, input: &mut FrameReader) -> Reply {
        let loaded = self.loaded(read_group_id(input)?)?;
        let mut frame = FrameWriter::default();
        frame.bytes(&parse::tls(&loaded.group.export_ratchet_tree())?);
        Ok(frame)
    }

    pub fn export_group_info(&mut self, input: &mut FrameReader) -> Reply {
        let group = self.loaded(read_group_id(input)?)?.active()?;
        let mut frame = FrameWriter::default();
        frame.bytes(&group_info_of(group, &self.provider, self.device()?)?);
        Ok(frame)
    }
}
