//! Application messages.

use openmls::prelude::{ProcessedMessageContent, ProtocolMessage, Sender};

use super::{failure, read_group_id, MemberEngine, Provider, Reply, Work};
use crate::error::{INTERNAL, OWN, UNKNOWN_SENDER, WRONG_EPOCH, WRONG_GROUP, WRONG_KIND};
use crate::frame::{FrameReader, FrameWriter};
use crate::limits::{MAX_AAD_BYTES, MAX_APPLICATION_BYTES};
use crate::parse;
use crate::summary::write_identity;

impl MemberEngine {
    pub fn seal(&mut self, input: &mut FrameReader) -> Reply {
        let group_id = read_group_id(input)?;
        let plaintext = input.bytes(MAX_APPLICATION_BYTES)?;
        let aad = input.bytes(MAX_AAD_BYTES)?;
        input.end()?;
        self.group_operation(group_id, |Work { provider, device, loaded }| {
            loaded.active()?;
            loaded.group.set_aad(aad.to_vec());
            let sealed = loaded.group.create_message(provider, device, plaintext);
            loaded.group.set_aad(Vec::new());
            let mut frame = FrameWriter::default();
            frame.bytes(&failure::encode(&sealed.map_err(|_| INTERNAL)?)?);
            Ok(frame)
        })
    }

    pub fn open(&mut self, input: &mut FrameReader) -> Reply {
        let group_id = read_group_id(input)?;
        let bytes = input.bytes(MAX_APPLICATION_BYTES)?;
        input.end()?;
        self.group_operation(group_id, |Work { provider, loaded, .. }| {
            loaded.active()?;
            open(&mut loaded.group, provider, bytes)
        })
    }
}

fn open(group: &mut openmls::group::MlsGroup, provider: &Provider, bytes: &[u8]) -> Reply {
    let message = ProtocolMessage::from(parse::application(bytes)?);
    if message.group_id() != group.group_id() {
        return Err(WRONG_GROUP);
    }
    // Told apart from a replay: the caller reads on after a stale epoch.
    if message.epoch() != group.epoch() {
        return Err(WRONG_EPOCH);
    }
    let processed =
        group.process_message(provider, message).map_err(|error| failure::of_processing(&error))?;
    let Sender::Member(sender) = *processed.sender() else {
        return Err(UNKNOWN_SENDER);
    };
    let epoch = processed.epoch().as_u64();
    let aad = processed.aad().to_vec();
    let plaintext = match processed.into_content() {
        ProcessedMessageContent::ApplicationMessage(message) => message.into_bytes(),
        ProcessedMessageContent::OwnPrivateMessage => return Err(OWN),
        _ => return Err(WRONG_KIND),
    };
    let leaf = group.public_group().leaf(sender).ok_or(UNKNOWN_SENDER)?;
    let mut frame = FrameWriter::default();
    frame.bytes(&plaintext).u32(sender.u32());
    write_identity(&mut frame, leaf)?;
    frame.u64(epoch).bytes(&aad);
    Ok(frame)
}
