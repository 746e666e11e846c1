//! What a commit does, in one shape for members and the public half.

use openmls::group::PublicGroup;
use openmls::group::{GroupContext, Member, QueuedProposal, StagedCommit};
use openmls::prelude::{
    BasicCredential, Credential, CredentialType, Extension, ExtensionType, Extensions, LeafNode,
    LeafNodeIndex, Proposal, ProposalOrRefType, RequiredCapabilitiesExtension, Sender,
};

use crate::crypto::SuiteCrypto;
use crate::error::{Outcome, INTERNAL, REFUSED, UNSUPPORTED};
use crate::frame::FrameWriter;
use crate::limits::CONTEXT_EXTENSION_TYPE;

/// The group's whole demand on its members: extension 0xF0C1 and basic credentials.
pub fn required_capabilities() -> RequiredCapabilitiesExtension {
    RequiredCapabilitiesExtension::new(
        &[ExtensionType::Unknown(CONTEXT_EXTENSION_TYPE)],
        &[],
        &[CredentialType::Basic],
    )
}

/// Identity bytes of a basic credential; other credential types are refused.
pub fn identity(credential: &Credential) -> Outcome<Vec<u8>> {
    let basic = BasicCredential::try_from(credential.clone()).map_err(|_| UNSUPPORTED)?;
    Ok(basic.identity().to_vec())
}

pub fn context_extension(extensions: &Extensions<GroupContext>) -> &[u8] {
    extensions
        .unknown(CONTEXT_EXTENSION_TYPE)
        .map(|extension| extension.0.as_slice())
        .unwrap_or(&[])
}

fn is_own_extension(extension: &Extension) -> bool {
    match extension {
        Extension::RequiredCapabilities(required) => *required == required_capabilities(),
        Extension::Unknown(kind, _) => *kind == CONTEXT_EXTENSION_TYPE,
        _ => false,
    }
}

pub fn has_foreign_extensions(extensions: &Extensions<GroupContext>) -> bool {
    extensions.iter().count() != 2 || !extensions.iter().all(is_own_extension)
}

pub fn write_context(frame: &mut FrameWriter, context: &GroupContext) {
    write_context_with(frame, context, true);
}

fn write_context_with(frame: &mut FrameWriter, context: &GroupContext, with_hashes: bool) {
    let (tree_hash, transcript_hash) = if with_hashes {
        (context.tree_hash(), context.confirmed_transcript_hash())
    } else {
        (&[][..], &[][..])
    };
    frame
        .bytes(context.group_id().as_slice())
        .u64(context.epoch().as_u64())
        .bytes(tree_hash)
        .bytes(transcript_hash)
        .bytes(context_extension(context.extensions()))
        .flag(has_foreign_extensions(context.extensions()));
}

pub fn write_members(
    frame: &mut FrameWriter,
    members: impl Iterator<Item = Member>,
) -> Outcome<()> {
    let members: Vec<Member> = members.collect();
    frame.count(members.len());
    for member in members {
        frame
            .u32(member.index.u32())
            .bytes(&identity(&member.credential)?)
            .bytes(&member.signature_key);
    }
    Ok(())
}

/// A processed commit and where it came from.
pub struct CommitFacts<'a> {
    pub before: &'a PublicGroup,
    pub staged: &'a StagedCommit,
    pub sender: CommitSender,
    pub aad: &'a [u8],
    pub confirmation_tag: &'a [u8],
    /// False on a device that the commit removes: it cannot know the result's hashes.
    pub knows_result: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum CommitSender {
    Member(LeafNodeIndex),
    External,
}

impl CommitSender {
    pub fn parse(sender: &Sender) -> Outcome<Self> {
        match sender {
            Sender::Member(index) => Ok(Self::Member(*index)),
            Sender::NewMemberCommit => Ok(Self::External),
            Sender::External(_) | Sender::NewMemberProposal => Err(REFUSED),
        }
    }
}

impl CommitFacts<'_> {
    pub fn sender_index(&self) -> Outcome<LeafNodeIndex> {
        match self.sender {
            CommitSender::Member(index) => Ok(index),
            CommitSender::External => {
                self.before.ext_commit_sender_index(self.staged).map_err(|_| INTERNAL)
            }
        }
    }

    fn leaf_before(&self) -> Option<&LeafNode> {
        match self.sender {
            CommitSender::Member(index) => self.before.leaf(index),
            CommitSender::External => None,
        }
    }

    pub fn write(&self, frame: &mut FrameWriter, crypto: &SuiteCrypto) -> Outcome<()> {
        let context = self.before.group_context();
        let leaf_before = self.leaf_before();
        let leaf_after = self.staged.update_path_leaf_node().or(leaf_before).ok_or(INTERNAL)?;
        frame
            .bytes(context.group_id().as_slice())
            .u64(context.epoch().as_u64())
            .flag(self.sender == CommitSender::External)
            .u32(self.sender_index()?.u32());
        write_identity(frame, leaf_after)?;
        frame.flag(leaf_before.is_some());
        if let Some(leaf) = leaf_before {
            write_identity(frame, leaf)?;
        }
        self.write_adds(frame, crypto)?;
        self.write_removes(frame)?;
        self.write_proposals(frame);
        frame.flag(self.staged.update_path_leaf_node().is_some());
        write_context_with(frame, self.staged.group_context(), self.knows_result);
        frame
            .flag(context.extensions() != self.staged.group_context().extensions())
            .bytes(context_extension(context.extensions()))
            .bytes(self.aad)
            .bytes(self.confirmation_tag);
        Ok(())
    }

    /// Sorted, because the library's order is its own and differs between its makers and readers.
    fn write_proposals(&self, frame: &mut FrameWriter) {
        let describe = |proposal: &QueuedProposal| {
            (proposal_kind(proposal.proposal()), is_by_reference(proposal))
        };
        let mut proposals: Vec<(u32, bool)> =
            self.staged.queued_proposals().map(describe).collect();
        proposals.sort_unstable();
        frame.count(proposals.len());
        for (kind, by_reference) in proposals {
            frame.u32(kind).flag(by_reference);
        }
    }

    fn write_adds(&self, frame: &mut FrameWriter, crypto: &SuiteCrypto) -> Outcome<()> {
        let adds: Vec<_> = self.staged.add_proposals().collect();
        frame.count(adds.len());
        for add in adds {
            let key_package = add.add_proposal().key_package();
            write_identity(frame, key_package.leaf_node())?;
            frame.bytes(key_package.hash_ref(crypto).map_err(|_| INTERNAL)?.as_slice());
        }
        Ok(())
    }

    fn write_removes(&self, frame: &mut FrameWriter) -> Outcome<()> {
        let removed = self.staged.remove_proposals();
        let mut removed: Vec<_> =
            removed.map(|remove| remove.remove_proposal().removed()).collect();
        removed.sort_unstable();
        frame.count(removed.len());
        for index in removed {
            frame.u32(index.u32());
            write_identity(frame, self.before.leaf(index).ok_or(REFUSED)?)?;
        }
        Ok(())
    }
}

pub fn write_identity(frame: &mut FrameWriter, leaf: &LeafNode) -> Outcome<()> {
    frame.bytes(&identity(leaf.credential())?).bytes(leaf.signature_key().as_slice());
    Ok(())
}

fn is_by_reference(proposal: &QueuedProposal) -> bool {
    proposal.proposal_or_ref_type() == ProposalOrRefType::Reference
}

/// The numbers stand in js/decode.ts, in the order of `ProposalKind`.
fn proposal_kind(proposal: &Proposal) -> u32 {
    match proposal {
        Proposal::Add(_) => 0,
        Proposal::Update(_) => 1,
        Proposal::Remove(_) => 2,
        Proposal::PreSharedKey(_) => 3,
        Proposal::ReInit(_) => 4,
        Proposal::ExternalInit(_) => 5,
        Proposal::GroupContextExtensions(_) => 6,
        Proposal::SelfRemove | Proposal::Custom(_) => 7,
    }
}
