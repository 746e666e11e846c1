//! Bytes to OpenMLS types, exact to the last byte, sizes checked by the frame.

use openmls::messages::group_info::VerifiableGroupInfo;
#[cfg(feature = "member")]
use openmls::prelude::tls_codec::VLBytes;
use openmls::prelude::tls_codec::{Deserialize, Serialize};
use openmls::prelude::{
    ContentType, Extension, KeyPackage, KeyPackageIn, MlsMessageBodyIn, MlsMessageIn,
    ProtocolMessage, ProtocolVersion, PublicMessageIn, RatchetTreeIn,
};
#[cfg(feature = "member")]
use openmls::prelude::{KeyPackageRef, PrivateMessageIn, Welcome};

use crate::crypto::{SuiteCrypto, SUITE};
#[cfg(feature = "member")]
use crate::error::USAGE;
use crate::error::{
    Outcome, GROUP_INFO, KEY_PACKAGE, MALFORMED, SUITE as SUITE_ERROR, TREE, WRONG_KIND,
};

/// Tags are SHA-256 HMACs, signatures Ed25519: fixed lengths in suite 0x0003.
const TAG_BYTES: usize = 32;
const TAG_PREFIX: u8 = 0x20;
#[cfg(not(feature = "member"))]
const SIGNATURE_FIELD_BYTES: usize = 66;

pub fn message(bytes: &[u8]) -> Outcome<MlsMessageIn> {
    MlsMessageIn::tls_deserialize_exact(bytes).map_err(|_| MALFORMED)
}

fn body(bytes: &[u8]) -> Outcome<MlsMessageBodyIn> {
    Ok(message(bytes)?.extract())
}

/// A commit framed as PublicMessage.
pub fn commit(bytes: &[u8]) -> Outcome<PublicMessageIn> {
    let MlsMessageBodyIn::PublicMessage(public) = body(bytes)? else {
        return Err(WRONG_KIND);
    };
    let content_type = ProtocolMessage::from(public.clone()).content_type();
    if content_type == ContentType::Commit {
        Ok(public)
    } else {
        Err(WRONG_KIND)
    }
}

/// An application message framed as PrivateMessage.
#[cfg(feature = "member")]
pub fn application(bytes: &[u8]) -> Outcome<PrivateMessageIn> {
    let MlsMessageBodyIn::PrivateMessage(private) = body(bytes)? else {
        return Err(WRONG_KIND);
    };
    let content_type = ProtocolMessage::from(private.clone()).content_type();
    if content_type == ContentType::Application {
        Ok(private)
    } else {
        Err(WRONG_KIND)
    }
}

#[cfg(feature = "member")]
pub fn welcome(bytes: &[u8]) -> Outcome<Welcome> {
    match body(bytes)? {
        MlsMessageBodyIn::Welcome(welcome) => Ok(welcome),
        _ => Err(WRONG_KIND),
    }
}

pub fn group_info(bytes: &[u8]) -> Outcome<VerifiableGroupInfo> {
    let MlsMessageBodyIn::GroupInfo(group_info) = body(bytes)? else {
        return Err(WRONG_KIND);
    };
    if group_info.ciphersuite() != SUITE {
        return Err(SUITE_ERROR);
    }
    Ok(group_info)
}

/// An external_pub alone: a tree inside would bypass the size rules and be stored twice.
pub fn check_group_info_extensions(group_info: &VerifiableGroupInfo) -> Outcome<()> {
    let mut extensions = group_info.extensions().iter();
    match (extensions.next(), extensions.next()) {
        (Some(Extension::ExternalPub(_)), None) => Ok(()),
        _ => Err(GROUP_INFO),
    }
}

pub fn ratchet_tree(bytes: &[u8]) -> Outcome<RatchetTreeIn> {
    RatchetTreeIn::tls_deserialize_exact(bytes).map_err(|_| TREE)
}

/// Verifies both signatures of a key package (RFC 9420 §10.1).
pub fn key_package(bytes: &[u8], crypto: &SuiteCrypto) -> Outcome<KeyPackage> {
    let MlsMessageBodyIn::KeyPackage(key_package) = body(bytes)? else {
        return Err(WRONG_KIND);
    };
    verify_key_package(key_package, crypto)
}

/// The KeyPackageRef with this hash (RFC 9420 §5.2).
#[cfg(feature = "member")]
pub fn key_package_ref(hash: &[u8]) -> Outcome<KeyPackageRef> {
    let encoded = tls(&VLBytes::from(hash.to_vec()))?;
    KeyPackageRef::tls_deserialize_exact(encoded).map_err(|_| USAGE)
}

fn verify_key_package(key_package: KeyPackageIn, crypto: &SuiteCrypto) -> Outcome<KeyPackage> {
    let verified = key_package.validate(crypto, ProtocolVersion::Mls10).map_err(|_| KEY_PACKAGE)?;
    if verified.ciphersuite() != SUITE {
        return Err(SUITE_ERROR);
    }
    Ok(verified)
}

/// The confirmation tag of a PublicMessage commit, from its tail: it ends in
/// `confirmation_tag<V>`, and for members `membership_tag<V>` (RFC 9420 §6.2).
pub fn confirmation_tag(commit: &[u8], from_member: bool) -> Outcome<&[u8]> {
    let after = if from_member { TAG_BYTES + 1 } else { 0 };
    tag_before_end(commit, after)
}

#[cfg(not(feature = "member"))]
/// Signer and confirmation tag of a GroupInfo, from its tail: it ends in
/// `confirmation_tag<V>, uint32 signer, signature<V>` (RFC 9420 §12.4.3).
pub fn group_info_tail(group_info: &[u8]) -> Outcome<(u32, &[u8])> {
    let signer_end = group_info.len().checked_sub(SIGNATURE_FIELD_BYTES).ok_or(MALFORMED)?;
    let signer_start = signer_end.checked_sub(4).ok_or(MALFORMED)?;
    let signer = group_info.get(signer_start..signer_end).ok_or(MALFORMED)?;
    let signer = u32::from_be_bytes(signer.try_into().map_err(|_| MALFORMED)?);
    let tag = tag_before_end(group_info, SIGNATURE_FIELD_BYTES + 4)?;
    Ok((signer, tag))
}

fn tag_before_end(bytes: &[u8], after: usize) -> Outcome<&[u8]> {
    let end = bytes.len().checked_sub(after).ok_or(MALFORMED)?;
    let start = end.checked_sub(TAG_BYTES + 1).ok_or(MALFORMED)?;
    match bytes.get(start..end) {
        Some([TAG_PREFIX, tag @ ..]) => Ok(tag),
        _ => Err(MALFORMED),
    }
}

pub fn tls<T: Serialize>(value: &T) -> Outcome<Vec<u8>> {
    value.tls_serialize_detached().map_err(|_| crate::error::INTERNAL)
}
