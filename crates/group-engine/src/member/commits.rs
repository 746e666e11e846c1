//! Making, receiving and merging commits.

use openmls::group::{MlsGroup, StagedCommit};
use openmls::prelude::{KeyPackage, LeafNodeIndex, LeafNodeParameters, ProcessedMessageContent};
use openmls_traits::OpenMlsProvider;

use super::joins::context_extensions;
use super::{failure, read_group_id, MemberEngine, Provider, Reply, Staged, Work};
use crate::error::{Outcome, INTERNAL, NO_PENDING, NO_STAGED, PENDING, REFUSED, USAGE, WRONG_KIND};
use crate::frame::{FrameReader, FrameWriter};
use crate::limits::{
    MAX_AAD_BYTES, MAX_ADDS, MAX_CONTEXT_EXTENSION_BYTES, MAX_CREDENTIAL_BYTES,
    MAX_HANDSHAKE_BYTES, MAX_KEY_PACKAGE_BYTES, MAX_REMOVES,
};
use crate::parse;
use crate::summary::{CommitFacts, CommitSender};

/// What a commit shall do; with nothing in it, a self-update.
struct Wish<'a> {
    adds: Vec<KeyPackage>,
    removes: Vec<LeafNodeIndex>,
    room: Option<&'a [u8]>,
    identity: Option<&'a [u8]>,
    aad: &'a [u8],
}

impl<'a> Wish<'a> {
    fn read(input: &mut FrameReader<'a>, provider: &Provider) -> Outcome<Self> {
        let add_count = input.count(MAX_ADDS)?;
        let mut adds = Vec::with_capacity(add_count);
        for _ in 0..add_count {
            let bytes = input.bytes(MAX_KEY_PACKAGE_BYTES)?;
            adds.push(parse::key_package(bytes, provider.crypto())?);
        }
        let remove_count = input.count(MAX_REMOVES)?;
        let mut removes = Vec::with_capacity(remove_count);
        for _ in 0..remove_count {
            removes.push(LeafNodeIndex::new(input.u32()?));
        }
        let wish = Self {
            adds,
            removes,
            room: input.optional_bytes(MAX_CONTEXT_EXTENSION_BYTES)?,
            identity: input.optional_bytes(MAX_CREDENTIAL_BYTES)?,
            aad: input.bytes(MAX_AAD_BYTES)?,
        };
        input.end()?;
        Ok(wish)
    }
}

impl MemberEngine {
    pub fn commit(&mut self, input: &mut FrameReader) -> Reply {
        let group_id = read_group_id(input)?;
        let wish = Wish::read(input, &self.provider)?;
        self.group_operation(group_id, |work| work.commit(wish))
    }

    pub fn merge_pending(&mut self, input: &mut FrameReader) -> Reply {
        let group_id = read_group_id(input)?;
        input.end()?;
        self.group_operation(group_id, |Work { provider, loaded, .. }| {
            loaded.active()?;
            loaded.group.pending_commit().ok_or(NO_PENDING)?;
            loaded.staged = None;
            loaded.group.merge_pending_commit(provider).map_err(|_| INTERNAL)?;
            Ok(FrameWriter::default())
        })
    }

    pub fn clear_pending(&mut self, input: &mut FrameReader) -> Reply {
        let group_id = read_group_id(input)?;
        input.end()?;
        self.group_operation(group_id, |Work { provider, loaded, .. }| {
            loaded.active()?;
            loaded.group.pending_commit().ok_or(NO_PENDING)?;
            if matches!(loaded.staged, Some(Staged::Own)) {
                loaded.staged = None;
            }
            loaded.group.clear_pending_commit(provider.storage())?;
            Ok(FrameWriter::default())
        })
    }

    pub fn stage(&mut self, input: &mut FrameReader) -> Reply {
        let group_id = read_group_id(input)?;
        let bytes = input.bytes(MAX_HANDSHAKE_BYTES)?;
        input.end()?;
        self.group_operation(group_id, |work| work.stage(bytes))
    }

    pub fn merge_staged(&mut self, input: &mut FrameReader) -> Reply {
        let group_id = read_group_id(input)?;
        input.end()?;
        self.group_operation(group_id, |Work { provider, loaded, .. }| {
            match loaded.staged.take().ok_or(NO_STAGED)? {
                Staged::Own => loaded.group.merge_pending_commit(provider).map_err(|_| INTERNAL)?,
                Staged::Received(commit) => {
                    loaded.group.merge_staged_commit(provider, *commit).map_err(|_| INTERNAL)?;
                }
            }
            Ok(FrameWriter::default())
        })
    }

    pub fn drop_staged(&mut self, input: &mut FrameReader) -> Reply {
        let group_id = read_group_id(input)?;
        input.end()?;
        let loaded = self.groups.get_mut(group_id).ok_or(crate::error::GROUP_MISSING)?;
        loaded.staged.take().ok_or(NO_STAGED)?;
        Ok(FrameWriter::default())
    }
}

impl Work<'_> {
    fn commit(self, wish: Wish) -> Reply {
        let Work { provider, device, loaded } = self;
        loaded.active()?;
        if loaded.group.pending_commit().is_some() {
            return Err(PENDING);
        }
        let group = &mut loaded.group;
        if wish.removes.contains(&group.own_leaf_index()) {
            return Err(USAGE);
        }
        let aad = wish.aad;
        group.set_aad(aad.to_vec());
        let built = build(group, provider, device, wish);
        group.set_aad(Vec::new());
        let (commit, welcome, group_info) = built?;
        let mut frame = FrameWriter::default();
        frame.bytes(&commit).optional_bytes(welcome.as_deref()).bytes(&group_info);
        let staged = group.pending_commit().ok_or(INTERNAL)?;
        write_own_summary(&mut frame, group, staged, provider, &commit, aad)?;
        Ok(frame)
    }

    fn stage(self, bytes: &[u8]) -> Reply {
        let Work { provider, loaded, .. } = self;
        loaded.active()?;
        if loaded.staged.is_some() {
            return Err(PENDING);
        }
        let group = &mut loaded.group;
        let processed = group
            .process_message(provider, parse::commit(bytes)?)
            .map_err(|error| failure::of_processing(&error))?;
        let sender = CommitSender::parse(processed.sender())?;
        let aad = processed.aad().to_vec();
        let mut frame = FrameWriter::default();
        match processed.into_content() {
            ProcessedMessageContent::OwnPendingCommit => {
                let staged = group.pending_commit().ok_or(INTERNAL)?;
                write_staged_head(&mut frame, true, staged);
                write_own_summary(&mut frame, group, staged, provider, bytes, &aad)?;
                loaded.staged = Some(Staged::Own);
            }
            ProcessedMessageContent::StagedCommitMessage(staged) => {
                write_staged_head(&mut frame, false, &staged);
                let facts = CommitFacts {
                    before: group.public_group(),
                    staged: &staged,
                    sender,
                    aad: &aad,
                    confirmation_tag: parse::confirmation_tag(
                        bytes,
                        sender != CommitSender::External,
                    )?,
                    knows_result: !staged.self_removed(),
                };
                facts.write(&mut frame, provider.crypto())?;
                loaded.staged = Some(Staged::Received(staged));
            }
            _ => return Err(WRONG_KIND),
        }
        Ok(frame)
    }
}

fn write_staged_head(frame: &mut FrameWriter, own: bool, staged: &StagedCommit) {
    let authenticator = staged.epoch_authenticator().map(|secret| secret.as_slice());
    frame.flag(own).flag(staged.self_removed()).optional_bytes(authenticator);
}

fn write_own_summary(
    frame: &mut FrameWriter,
    group: &MlsGroup,
    staged: &StagedCommit,
    provider: &Provider,
    commit: &[u8],
    aad: &[u8],
) -> Outcome<()> {
    let facts = CommitFacts {
        before: group.public_group(),
        staged,
        sender: CommitSender::Member(group.own_leaf_index()),
        aad,
        confirmation_tag: parse::confirmation_tag(commit, true)?,
        knows_result: true,
    };
    facts.write(frame, provider.crypto())
}

type Built = (Vec<u8>, Option<Vec<u8>>, Vec<u8>);

/// Every commit carries a path: a lone Remove without one would leave the
/// removed member its keys (DESIGN rule 8).
fn build(
    group: &mut MlsGroup,
    provider: &Provider,
    device: &super::Device,
    wish: Wish,
) -> Outcome<Built> {
    let mut builder = group
        .commit_builder()
        .consume_proposal_store(false)
        .force_self_update(true)
        .propose_adds(wish.adds)
        .propose_removals(wish.removes);
    if let Some(room) = wish.room {
        builder = builder
            .propose_group_context_extensions(context_extensions(room)?)
            .map_err(|_| REFUSED)?;
    }
    if let Some(identity) = wish.identity {
        let leaf = LeafNodeParameters::builder()
            .with_credential_with_key(device.with_identity(identity))
            .build();
        builder = builder.leaf_node_parameters(leaf);
    }
    let bundle = builder
        .load_psks(provider.storage())
        .map_err(|_| REFUSED)?
        .create_group_info(true)
        .use_ratchet_tree_extension(false)
        .build(provider.rand(), provider.crypto(), device, |_| true)
        .map_err(|error| failure::of_commit(&error))?
        .stage_commit(provider)
        .map_err(|_| INTERNAL)?;
    let (commit, welcome, group_info) = bundle.into_messages();
    let welcome = welcome.as_ref().map(failure::encode).transpose()?;
    let group_info = failure::encode(&group_info.ok_or(INTERNAL)?)?;
    Ok((failure::encode(&commit)?, welcome, group_info))
}
