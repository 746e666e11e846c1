//! Ways into a group: create, Welcome, external commit.

use openmls::group::{
    GroupId, MlsGroup, MlsGroupCreateConfig, MlsGroupJoinConfig, ProposalStore, PublicGroup,
    StagedWelcome, PURE_PLAINTEXT_WIRE_FORMAT_POLICY,
};
use openmls::messages::group_info::VerifiableGroupInfo;
use openmls::prelude::{
    Extension, Extensions, KeyPackage, LeafNodeParameters, ProcessedMessageContent, RatchetTreeIn,
    SenderRatchetConfiguration, UnknownExtension,
};
use openmls_traits::storage::StorageProvider;
use openmls_traits::OpenMlsProvider;

use super::device::{capabilities, lifetime};
use super::{failure, read_group_id, MemberEngine, Provider, Reply};
use crate::crypto::SUITE;
use crate::error::{Outcome, GROUP_EXISTS, INTERNAL, KEY_PACKAGE_MISSING, REFUSED, RESYNC, USAGE};
use crate::frame::{FrameReader, FrameWriter};
use crate::limits::{
    CONTEXT_EXTENSION_TYPE, MAX_AAD_BYTES, MAX_CONTEXT_EXTENSION_BYTES, MAX_FORWARD_DISTANCE,
    MAX_GROUP_INFO_BYTES, MAX_HANDSHAKE_BYTES, MAX_TREE_BYTES, OUT_OF_ORDER_TOLERANCE,
};
use crate::parse;
use crate::summary::{required_capabilities, CommitFacts, CommitSender};

/// A KeyPackageRef is a SHA-256 hash.
const MAX_REF_BYTES: usize = 32;

type ContextExtensions = Extensions<openmls::group::GroupContext>;

/// The two extensions of every room's context.
pub fn context_extensions(room: &[u8]) -> Outcome<ContextExtensions> {
    let extensions = vec![
        Extension::RequiredCapabilities(required_capabilities()),
        Extension::Unknown(CONTEXT_EXTENSION_TYPE, UnknownExtension(room.to_vec())),
    ];
    Extensions::from_vec(extensions).map_err(|_| INTERNAL)
}

fn ratchets() -> SenderRatchetConfiguration {
    SenderRatchetConfiguration::new(OUT_OF_ORDER_TOLERANCE, MAX_FORWARD_DISTANCE)
}

fn join_config() -> MlsGroupJoinConfig {
    MlsGroupJoinConfig::builder()
        .wire_format_policy(PURE_PLAINTEXT_WIRE_FORMAT_POLICY)
        .padding_size(0)
        .max_past_epochs(0)
        .number_of_resumption_psks(0)
        .use_ratchet_tree_extension(false)
        .sender_ratchet_configuration(ratchets())
        .build()
}

fn create_config(room: &[u8]) -> Outcome<MlsGroupCreateConfig> {
    Ok(MlsGroupCreateConfig::builder()
        .wire_format_policy(PURE_PLAINTEXT_WIRE_FORMAT_POLICY)
        .padding_size(0)
        .max_past_epochs(0)
        .number_of_resumption_psks(0)
        .use_ratchet_tree_extension(false)
        .sender_ratchet_configuration(ratchets())
        .ciphersuite(SUITE)
        .capabilities(capabilities())
        .lifetime(lifetime())
        .with_group_context_extensions(context_extensions(room)?)
        .build())
}

/// Refuses to overwrite a living group; clears what a past membership left.
fn make_way(engine: &MemberEngine, group_id: &GroupId) -> Outcome<()> {
    match engine.groups.get(group_id.as_slice()) {
        Some(loaded) if loaded.group.is_active() => Err(GROUP_EXISTS),
        _ => engine.clear_group(group_id),
    }
}

impl MemberEngine {
    pub fn create_group(&mut self, input: &mut FrameReader) -> Reply {
        let group_id = GroupId::from_slice(read_group_id(input)?);
        let room = input.bytes(MAX_CONTEXT_EXTENSION_BYTES)?;
        input.end()?;
        self.operation(|engine| {
            let prefix = crate::store::group_prefix(group_id.as_slice());
            if !engine.provider.store.keys_with_prefix(&prefix).is_empty() {
                return Err(GROUP_EXISTS);
            }
            let config = create_config(room)?;
            let device = engine.device()?;
            let credential = device.credential_with_key();
            let provider = &engine.provider;
            let group =
                MlsGroup::new_with_group_id(provider, device, &config, group_id, credential)
                    .map_err(|_| INTERNAL)?;
            let mut frame = FrameWriter::default();
            frame
                .bytes(&group_info_of(&group, provider, device)?)
                .bytes(&parse::tls(&group.export_ratchet_tree())?);
            engine.adopt(group);
            Ok(frame)
        })
    }

    pub fn key_package(&mut self, input: &mut FrameReader) -> Reply {
        input.end()?;
        self.operation(|engine| {
            let device = engine.device()?;
            let bundle = KeyPackage::builder()
                .key_package_lifetime(lifetime())
                .leaf_node_capabilities(capabilities())
                .build(SUITE, &engine.provider, device, device.credential_with_key())
                .map_err(|_| INTERNAL)?;
            let key_package = bundle.into_key_package();
            let reference = key_package.hash_ref(&engine.provider.crypto).map_err(|_| INTERNAL)?;
            let message = openmls::prelude::MlsMessageOut::from(key_package);
            let mut frame = FrameWriter::default();
            frame.bytes(&failure::encode(&message)?).bytes(reference.as_slice());
            Ok(frame)
        })
    }

    pub fn delete_key_package(&mut self, input: &mut FrameReader) -> Reply {
        let reference = parse::key_package_ref(input.bytes(MAX_REF_BYTES)?)?;
        input.end()?;
        self.operation(|engine| {
            let store = engine.provider.storage();
            let found: Option<openmls::prelude::KeyPackageBundle> =
                store.key_package(&reference)?;
            let bundle = found.ok_or(KEY_PACKAGE_MISSING)?;
            let leaf_key = bundle.key_package().leaf_node().encryption_key().clone();
            store.delete_encryption_key_pair(&leaf_key)?;
            store.delete_key_package(&reference)?;
            Ok(FrameWriter::default())
        })
    }

    pub fn join_welcome(&mut self, input: &mut FrameReader) -> Reply {
        let welcome = parse::welcome(input.bytes(MAX_HANDSHAKE_BYTES)?)?;
        let tree = parse::ratchet_tree(input.bytes(MAX_TREE_BYTES)?)?;
        input.end()?;
        self.operation(|engine| {
            let provider = &engine.provider;
            let staged = StagedWelcome::build_from_welcome(provider, &join_config(), welcome)
                .map_err(|error| failure::of_welcome(&error))?
                .with_ratchet_tree(tree)
                .skip_lifetime_validation()
                .replace_old_group()
                .build()
                .map_err(|error| failure::of_welcome(&error))?;
            make_way(engine, staged.group_context().group_id())?;
            let group = staged.into_group(provider).map_err(|error| failure::of_welcome(&error))?;
            let mut frame = FrameWriter::default();
            write_joined(&mut frame, &group);
            engine.adopt(group);
            Ok(frame)
        })
    }

    pub fn external_join(&mut self, input: &mut FrameReader) -> Reply {
        let group_info = parse::group_info(input.bytes(MAX_GROUP_INFO_BYTES)?)?;
        parse::check_group_info_extensions(&group_info)?;
        let tree = parse::ratchet_tree(input.bytes(MAX_TREE_BYTES)?)?;
        let aad = input.bytes(MAX_AAD_BYTES)?;
        let resync = input.optional_u32()?;
        input.end()?;
        self.operation(|engine| {
            let shadow = engine.shadow(&tree, &group_info)?;
            engine.check_own_leaf(&shadow, resync)?;
            engine.clear_group(group_info.group_id())?;
            let (group, commit) = engine.external_commit(group_info, tree, aad)?;
            let provider = &engine.provider;
            let mut frame = FrameWriter::default();
            write_joined(&mut frame, &group);
            frame.bytes(&commit).optional_bytes(None).bytes(&group_info_of(
                &group,
                provider,
                engine.device()?,
            )?);
            write_external_summary(&mut frame, provider, &shadow, &commit)?;
            engine.adopt(group);
            Ok(frame)
        })
    }

    /// The group as the relay sees it, before the join: for leaf checks and the summary.
    fn shadow(&self, tree: &RatchetTreeIn, info: &VerifiableGroupInfo) -> Outcome<PublicGroup> {
        let scratch = crate::store::Store::default();
        let proposals = ProposalStore::new();
        let crypto = &self.provider.crypto;
        PublicGroup::from_external(crypto, &scratch, tree.clone(), info.clone(), proposals)
            .map(|(group, _)| group)
            .map_err(|error| crate::failure::of_creation(&error))
    }

    /// OpenMLS removes a leaf with our signature key by itself; the caller must have meant it.
    fn check_own_leaf(&self, shadow: &PublicGroup, resync: Option<u32>) -> Outcome<()> {
        let own_key = self.device()?.public_key();
        let own = shadow.members().find(|member| member.signature_key == own_key);
        match (own.map(|member| member.index.u32()), resync) {
            (None, None) => Ok(()),
            (Some(_), None) => Err(RESYNC),
            (own, named) if own == named => Ok(()),
            _ => Err(USAGE),
        }
    }

    fn external_commit(
        &self,
        group_info: VerifiableGroupInfo,
        tree: RatchetTreeIn,
        aad: &[u8],
    ) -> Outcome<(MlsGroup, Vec<u8>)> {
        let device = self.device()?;
        let provider = &self.provider;
        let leaf = LeafNodeParameters::builder().with_capabilities(capabilities()).build();
        let (group, bundle) = MlsGroup::external_commit_builder()
            .with_ratchet_tree(tree)
            .with_config(join_config())
            .with_aad(aad.to_vec())
            .skip_lifetime_validation()
            .build_group(provider, group_info, device.credential_with_key())
            .map_err(|error| failure::of_external(&error))?
            .leaf_node_parameters(leaf)
            .load_psks(provider.storage())
            .map_err(|_| REFUSED)?
            .build(provider.rand(), provider.crypto(), device, |_| true)
            .map_err(|error| failure::of_commit(&error))?
            .finalize(provider)
            .map_err(|_| INTERNAL)?;
        Ok((group, failure::encode(bundle.commit())?))
    }
}

pub fn group_info_of(
    group: &MlsGroup,
    provider: &Provider,
    device: &super::Device,
) -> Outcome<Vec<u8>> {
    let message =
        group.export_group_info(provider.crypto(), device, false).map_err(|_| INTERNAL)?;
    failure::encode(&message)
}

fn write_joined(frame: &mut FrameWriter, group: &MlsGroup) {
    frame
        .bytes(group.group_id().as_slice())
        .u64(group.epoch().as_u64())
        .u32(group.own_leaf_index().u32());
}

fn write_external_summary(
    frame: &mut FrameWriter,
    provider: &Provider,
    shadow: &PublicGroup,
    commit: &[u8],
) -> Outcome<()> {
    let processed =
        shadow.process_message(provider.crypto(), parse::commit(commit)?).map_err(|_| INTERNAL)?;
    let aad = processed.aad().to_vec();
    let ProcessedMessageContent::StagedCommitMessage(staged) = processed.into_content() else {
        return Err(INTERNAL);
    };
    let facts = CommitFacts {
        before: shadow,
        staged: &staged,
        sender: CommitSender::External,
        aad: &aad,
        confirmation_tag: parse::confirmation_tag(commit, false)?,
        knows_result: true,
    };
    facts.write(frame, provider.crypto())
}
