//! The public half: follows groups from their handshakes, holds no secret.
//!
//! It checks signatures, epoch, tree, parent hashes and proposal rules. It
//! cannot check the membership tag and the confirmation tag.

use std::collections::BTreeMap;

use openmls::group::{
    GroupId, ProposalStore, PublicGroup, PublicProcessMessageError, StagedCommit,
};
use openmls::messages::group_info::VerifiableGroupInfo;
use openmls::prelude::{
    LeafNodeIndex, OpenMlsSignaturePublicKey, ProcessedMessageContent, SignatureScheme, Verifiable,
};

use crate::crypto::SuiteCrypto;
use crate::error::{
    EngineError, Outcome, GROUP_INFO, GROUP_INFO_SIGNATURE, GROUP_MISSING, INTERNAL, LIMIT,
    NO_STAGED, PENDING, REFUSED, STORE_CORRUPT, WRONG_KIND,
};
use crate::failure;
use crate::frame::{FrameReader, FrameWriter};
use crate::limits::{GROUP_ID_BYTES, MAX_GROUP_INFO_BYTES, MAX_HANDSHAKE_BYTES, MAX_TREE_BYTES};
use crate::parse;
use crate::store::Store;
use crate::summary::{write_context, write_members, CommitFacts, CommitSender};

/// A commit that has been verified but not merged.
struct Staged {
    commit: Box<StagedCommit>,
    sender: LeafNodeIndex,
    confirmation_tag: Vec<u8>,
}

struct Followed {
    group: PublicGroup,
    store: Store,
    staged: Option<Staged>,
}

/// All groups of one instance, by handle.
#[derive(Default)]
pub struct PublicEngine {
    crypto: SuiteCrypto,
    groups: BTreeMap<u32, Followed>,
    last_handle: u32,
}

type Reply = Outcome<FrameWriter>;

impl PublicEngine {
    fn followed(&mut self, input: &mut FrameReader) -> Outcome<&mut Followed> {
        let handle = input.u32()?;
        self.groups.get_mut(&handle).ok_or(GROUP_MISSING)
    }

    fn add(&mut self, followed: Followed) -> Reply {
        self.last_handle = self.last_handle.checked_add(1).ok_or(LIMIT)?;
        let mut frame = FrameWriter::default();
        frame.u32(self.last_handle).bytes(followed.group.group_id().as_slice());
        self.groups.insert(self.last_handle, followed);
        Ok(frame)
    }

    pub fn from_group_info(&mut self, input: &mut FrameReader) -> Reply {
        let group_info = parse::group_info(input.bytes(MAX_GROUP_INFO_BYTES)?)?;
        let tree = parse::ratchet_tree(input.bytes(MAX_TREE_BYTES)?)?;
        input.end()?;
        parse::check_group_info_extensions(&group_info)?;
        let store = Store::default();
        let proposals = ProposalStore::new();
        let (group, _) =
            PublicGroup::from_external(&self.crypto, &store, tree, group_info, proposals)
                .map_err(|error| failure::of_creation(&error))?;
        store.keep_operation();
        store.commit_writes();
        self.add(Followed { group, store, staged: None })
    }

    pub fn process(&mut self, input: &mut FrameReader) -> Reply {
        let handle = input.u32()?;
        let bytes = input.bytes(MAX_HANDSHAKE_BYTES)?;
        input.end()?;
        let crypto = &self.crypto;
        let followed = self.groups.get_mut(&handle).ok_or(GROUP_MISSING)?;
        if followed.staged.is_some() {
            return Err(PENDING);
        }
        let message = parse::commit(bytes)?;
        let processed = followed
            .group
            .process_message(crypto, message)
            .map_err(|error| of_processing(&error))?;
        let sender = CommitSender::parse(processed.sender())?;
        let aad = processed.aad().to_vec();
        let ProcessedMessageContent::StagedCommitMessage(commit) = processed.into_content() else {
            return Err(WRONG_KIND);
        };
        let tag = parse::confirmation_tag(bytes, sender != CommitSender::External)?;
        let facts = CommitFacts {
            before: &followed.group,
            staged: &commit,
            sender,
            aad: &aad,
            confirmation_tag: tag,
            knows_result: true,
        };
        let mut frame = FrameWriter::default();
        facts.write(&mut frame, crypto)?;
        let sender = facts.sender_index()?;
        let confirmation_tag = tag.to_vec();
        followed.staged = Some(Staged { commit, sender, confirmation_tag });
        Ok(frame)
    }

    pub fn merge(&mut self, input: &mut FrameReader) -> Reply {
        let followed = self.followed(input)?;
        let staged = followed.staged.take().ok_or(NO_STAGED)?;
        followed.group.merge_commit(&followed.store, *staged.commit).map_err(|_| INTERNAL)?;
        followed.store.keep_operation();
        followed.store.commit_writes();
        Ok(FrameWriter::default())
    }

    pub fn drop_staged(&mut self, input: &mut FrameReader) -> Reply {
        self.followed(input)?.staged = None;
        Ok(FrameWriter::default())
    }

    pub fn context(&mut self, input: &mut FrameReader) -> Reply {
        let followed = self.followed(input)?;
        let mut frame = FrameWriter::default();
        write_context(&mut frame, followed.group.group_context());
        frame.bytes(&parse::tls(followed.group.group_context())?);
        Ok(frame)
    }

    pub fn members(&mut self, input: &mut FrameReader) -> Reply {
        let followed = self.followed(input)?;
        let mut frame = FrameWriter::default();
        write_members(&mut frame, followed.group.members())?;
        Ok(frame)
    }

    pub fn tree(&mut self, input: &mut FrameReader) -> Reply {
        let followed = self.followed(input)?;
        let mut frame = FrameWriter::default();
        frame.bytes(&parse::tls(&followed.group.export_ratchet_tree())?);
        Ok(frame)
    }

    pub fn verify_group_info(&mut self, input: &mut FrameReader) -> Reply {
        let handle = input.u32()?;
        let bytes = input.bytes(MAX_GROUP_INFO_BYTES)?;
        input.end()?;
        let followed = self.groups.get(&handle).ok_or(GROUP_MISSING)?;
        let group_info = parse::group_info(bytes)?;
        parse::check_group_info_extensions(&group_info)?;
        let (signer, tag) = parse::group_info_tail(bytes)?;
        let key = followed.signer_key(signer, &group_info, tag)?;
        let key = OpenMlsSignaturePublicKey::from_signature_key(
            key.as_slice().into(),
            SignatureScheme::ED25519,
        );
        group_info.verify(&self.crypto, &key).map_err(|_| GROUP_INFO_SIGNATURE)?;
        Ok(FrameWriter::default())
    }

    /// One byte string: group id and entries as a frame of their own.
    pub fn serialize(&mut self, input: &mut FrameReader) -> Reply {
        let followed = self.followed(input)?;
        let mut state = FrameWriter::default();
        state.bytes(followed.group.group_id().as_slice());
        let entries = followed.store.entries();
        state.count(entries.len());
        for (key, value) in entries {
            state.bytes(&key).bytes(&value);
        }
        let mut frame = FrameWriter::default();
        frame.bytes(&state.finish());
        Ok(frame)
    }

    pub fn restore(&mut self, input: &mut FrameReader) -> Reply {
        let state = input.bytes(MAX_PUBLIC_STATE_BYTES)?;
        input.end()?;
        let (group, store) = read_state(&mut FrameReader::new(state)).map_err(|_| STORE_CORRUPT)?;
        self.add(Followed { group, store, staged: None })
    }

    pub fn release(&mut self, input: &mut FrameReader) -> Reply {
        let handle = input.u32()?;
        self.groups.remove(&handle).ok_or(GROUP_MISSING)?;
        Ok(FrameWriter::default())
    }
}

/// Tree, context, transcript hash, tag.
const MAX_PUBLIC_ENTRIES: usize = 8;
const MAX_KEY_BYTES: usize = 256;
/// A stored tree is about twice its wire size.
const MAX_PUBLIC_STATE_BYTES: usize = 4 * MAX_TREE_BYTES;

fn read_state(state: &mut FrameReader) -> Outcome<(PublicGroup, Store)> {
    let group_id = GroupId::from_slice(state.bytes(GROUP_ID_BYTES)?);
    let store = Store::default();
    for _ in 0..state.count(MAX_PUBLIC_ENTRIES)? {
        let key = state.bytes(MAX_KEY_BYTES)?;
        store.restore(key, state.bytes(MAX_PUBLIC_STATE_BYTES)?)?;
    }
    state.end()?;
    let group = PublicGroup::load(&store, &group_id).map_err(|_| STORE_CORRUPT)?;
    Ok((group.ok_or(STORE_CORRUPT)?, store))
}

impl Followed {
    /// Compares all that a GroupInfo claims; returns the key that must have signed it.
    fn signer_key(&self, signer: u32, claim: &VerifiableGroupInfo, tag: &[u8]) -> Outcome<Vec<u8>> {
        let signer = LeafNodeIndex::new(signer);
        if let Some(staged) = &self.staged {
            let is_match = claim.group_context() == staged.commit.group_context()
                && tag == staged.confirmation_tag
                && signer == staged.sender;
            let leaf = staged.commit.update_path_leaf_node().or_else(|| self.group.leaf(signer));
            return leaf.filter(|_| is_match).map(key_bytes).ok_or(GROUP_INFO);
        }
        let own_tag = parse::tls(self.group.confirmation_tag())?;
        let is_match =
            claim.group_context() == self.group.group_context() && own_tag.get(1..) == Some(tag);
        self.group.leaf(signer).filter(|_| is_match).map(key_bytes).ok_or(GROUP_INFO)
    }
}

fn of_processing(error: &PublicProcessMessageError) -> EngineError {
    match error {
        PublicProcessMessageError::ValidationError(error) => failure::of_validation(error),
        PublicProcessMessageError::InvalidCommit(error) => failure::of_stage(error),
        PublicProcessMessageError::IncompatibleWireFormat => WRONG_KIND,
        _ => REFUSED,
    }
}

fn key_bytes(leaf: &openmls::prelude::LeafNode) -> Vec<u8> {
    leaf.signature_key().as_slice().to_vec()
}
