//! Reading messages without any group: key packages verified, others as claims.

use openmls::prelude::{ContentType, MlsMessageBodyIn, ProtocolMessage};

use crate::crypto::SuiteCrypto;
use crate::error::{Outcome, INTERNAL, MALFORMED};
use crate::frame::{FrameReader, FrameWriter};
use crate::limits::{MAX_HANDSHAKE_BYTES, MAX_KEY_PACKAGE_BYTES};
use crate::parse;
use crate::summary::write_identity;

pub fn inspect_key_package(input: &mut FrameReader) -> Outcome<FrameWriter> {
    let bytes = input.bytes(MAX_KEY_PACKAGE_BYTES)?;
    input.end()?;
    let crypto = SuiteCrypto::default();
    let key_package = parse::key_package(bytes, &crypto)?;
    let mut frame = FrameWriter::default();
    write_identity(&mut frame, key_package.leaf_node())?;
    frame
        .bytes(key_package.hash_ref(&crypto).map_err(|_| INTERNAL)?.as_slice())
        .u32(u32::from(u16::from(key_package.ciphersuite())))
        .flag(key_package.last_resort());
    Ok(frame)
}

/// Kinds in the order of js/decode.ts.
pub fn peek_message(input: &mut FrameReader) -> Outcome<FrameWriter> {
    let bytes = input.bytes(MAX_HANDSHAKE_BYTES)?;
    input.end()?;
    let mut frame = FrameWriter::default();
    match parse::message(bytes)?.extract() {
        MlsMessageBodyIn::PublicMessage(public) => {
            let aad = public_aad(bytes)?;
            write_framed(&mut frame, &ProtocolMessage::from(public), aad);
        }
        MlsMessageBodyIn::PrivateMessage(private) => {
            let aad = private_aad(bytes)?;
            write_framed(&mut frame, &ProtocolMessage::from(private), aad);
        }
        MlsMessageBodyIn::Welcome(_) => write_unframed(&mut frame, 3),
        MlsMessageBodyIn::GroupInfo(info) => {
            frame.u32(4).u32(2).optional_bytes(Some(info.group_id().as_slice()));
            frame.flag(true).u64(info.epoch().as_u64()).optional_bytes(None);
        }
        MlsMessageBodyIn::KeyPackage(_) => write_unframed(&mut frame, 5),
    }
    Ok(frame)
}

fn write_unframed(frame: &mut FrameWriter, kind: u32) {
    frame.u32(kind).u32(2).optional_bytes(None).flag(false).u64(0).optional_bytes(None);
}

fn write_framed(frame: &mut FrameWriter, message: &ProtocolMessage, aad: &[u8]) {
    let kind = match message.content_type() {
        ContentType::Commit => 0,
        ContentType::Proposal => 1,
        ContentType::Application => 2,
    };
    let wire = match message {
        ProtocolMessage::PublicMessage(_) => 0,
        ProtocolMessage::PrivateMessage(_) => 1,
    };
    frame
        .u32(kind)
        .u32(wire)
        .optional_bytes(Some(message.group_id().as_slice()))
        .flag(true)
        .u64(message.epoch().as_u64())
        .optional_bytes(Some(aad));
}

/// version, wire format; then group id, epoch, sender, authenticated data (RFC 9420 §6).
fn public_aad(bytes: &[u8]) -> Outcome<&[u8]> {
    let (_, rest) = variable(skip(bytes, 4)?)?;
    let rest = skip(rest, 8)?;
    let sender_bytes = match rest.first() {
        Some(1 | 2) => 5,
        Some(3 | 4) => 1,
        _ => return Err(MALFORMED),
    };
    Ok(variable(skip(rest, sender_bytes)?)?.0)
}

/// version, wire format; then group id, epoch, content type, authenticated data (§6.3).
fn private_aad(bytes: &[u8]) -> Outcome<&[u8]> {
    let (_, rest) = variable(skip(bytes, 4)?)?;
    Ok(variable(skip(rest, 9)?)?.0)
}

fn skip(bytes: &[u8], count: usize) -> Outcome<&[u8]> {
    bytes.get(count..).ok_or(MALFORMED)
}

/// `opaque x<V>` (RFC 9420 §2.1.2).
fn variable(bytes: &[u8]) -> Outcome<(&[u8], &[u8])> {
    let first = *bytes.first().ok_or(MALFORMED)?;
    let prefix_bytes = 1_usize << (first >> 6);
    let prefix = bytes.get(..prefix_bytes).ok_or(MALFORMED)?;
    let mask = |(index, byte): (usize, &u8)| if index == 0 { byte & 0x3f } else { *byte };
    let length = prefix
        .iter()
        .enumerate()
        .map(mask)
        .fold(0_usize, |sum, byte| (sum << 8) | usize::from(byte));
    let rest = skip(bytes, prefix_bytes)?;
    rest.split_at_checked(length).ok_or(MALFORMED)
}
