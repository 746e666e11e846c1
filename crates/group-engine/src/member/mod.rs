//! The member half: one device, several groups, all of their secrets.
//!
//! Every call that changes something is all or nothing: if it fails, its writes
//! are undone and the group is read back.

use std::collections::{BTreeMap, BTreeSet};

use openmls::group::{GroupId, MlsGroup, StagedCommit};
use openmls_traits::OpenMlsProvider;

use crate::crypto::SuiteCrypto;
use crate::error::{Outcome, GROUP_MISSING, INACTIVE, STORE_CORRUPT, USAGE};
use crate::frame::{FrameReader, FrameWriter};
use crate::limits::{GROUP_ID_BYTES, LEAF_SEED_BYTES, MAX_CREDENTIAL_BYTES};
use crate::store::Store;
use crate::store_tracking::group_of_key;

mod commits;
mod device;
mod failure;
mod joins;
mod messages;
mod queries;
mod writes;

use device::Device;

pub(crate) type Reply = Outcome<FrameWriter>;

#[derive(Default)]
pub(crate) struct Provider {
    crypto: SuiteCrypto,
    store: Store,
}

impl OpenMlsProvider for Provider {
    type CryptoProvider = SuiteCrypto;
    type RandProvider = SuiteCrypto;
    type StorageProvider = Store;

    fn storage(&self) -> &Store {
        &self.store
    }

    fn crypto(&self) -> &SuiteCrypto {
        &self.crypto
    }

    fn rand(&self) -> &SuiteCrypto {
        &self.crypto
    }
}

/// A verified commit that waits for the caller's judgement.
enum Staged {
    /// The echo of the own pending commit.
    Own,
    Received(Box<StagedCommit>),
}

struct Loaded {
    group: MlsGroup,
    staged: Option<Staged>,
}

#[derive(Default)]
pub struct MemberEngine {
    provider: Provider,
    device: Option<Device>,
    groups: BTreeMap<Vec<u8>, Loaded>,
}

/// What one operation on a group works with.
struct Work<'a> {
    provider: &'a Provider,
    device: &'a Device,
    loaded: &'a mut Loaded,
}

impl MemberEngine {
    pub fn init(&mut self, input: &mut FrameReader) -> Reply {
        let seed = input.bytes(LEAF_SEED_BYTES)?.try_into().map_err(|_| USAGE)?;
        let credential = input.bytes(MAX_CREDENTIAL_BYTES)?;
        input.end()?;
        if self.device.is_some() {
            return Err(USAGE);
        }
        let device = Device::new(seed, credential);
        let mut frame = FrameWriter::default();
        frame.bytes(device.public_key());
        self.device = Some(device);
        Ok(frame)
    }

    /// Runs a changing call: keeps its writes, or undoes them all.
    fn operation<T>(&mut self, run: impl FnOnce(&mut Self) -> Outcome<T>) -> Outcome<T> {
        let outcome = run(self);
        if outcome.is_ok() {
            self.provider.store.keep_operation();
        } else {
            let touched = self.provider.store.undo_operation();
            self.reload(&touched)?;
        }
        outcome
    }

    fn group_operation(&mut self, group_id: &[u8], run: impl FnOnce(Work) -> Reply) -> Reply {
        self.operation(|engine| {
            let MemberEngine { provider, device, groups } = engine;
            let device = device.as_ref().ok_or(USAGE)?;
            let loaded = groups.get_mut(group_id).ok_or(GROUP_MISSING)?;
            run(Work { provider, device, loaded })
        })
    }

    /// Reads the groups of these keys back from the store, as far as they are loaded.
    fn reload(&mut self, keys: &[Vec<u8>]) -> Outcome<()> {
        let touched: BTreeSet<&[u8]> = keys.iter().filter_map(|key| group_of_key(key)).collect();
        for group_id in touched {
            if !self.groups.contains_key(group_id) {
                continue;
            }
            match self.read(group_id)? {
                Some(group) => {
                    self.groups.insert(group_id.to_vec(), Loaded { group, staged: None })
                }
                None => self.groups.remove(group_id),
            };
        }
        Ok(())
    }

    fn read(&self, group_id: &[u8]) -> Outcome<Option<MlsGroup>> {
        let id = GroupId::from_slice(group_id);
        MlsGroup::load(&self.provider.store, &id).map_err(|_| STORE_CORRUPT)
    }

    fn device(&self) -> Outcome<&Device> {
        self.device.as_ref().ok_or(USAGE)
    }

    fn loaded(&self, group_id: &[u8]) -> Outcome<&Loaded> {
        self.groups.get(group_id).ok_or(GROUP_MISSING)
    }

    fn adopt(&mut self, group: MlsGroup) -> Vec<u8> {
        let group_id = group.group_id().as_slice().to_vec();
        self.groups.insert(group_id.clone(), Loaded { group, staged: None });
        group_id
    }
}

impl Loaded {
    fn active(&self) -> Outcome<&MlsGroup> {
        if self.group.is_active() {
            Ok(&self.group)
        } else {
            Err(INACTIVE)
        }
    }
}

/// A group id is 32 bytes, fixed by the room's statement.
fn read_group_id<'a>(input: &mut FrameReader<'a>) -> Outcome<&'a [u8]> {
    let group_id = input.bytes(GROUP_ID_BYTES)?;
    if group_id.len() == GROUP_ID_BYTES {
        Ok(group_id)
    } else {
        Err(USAGE)
    }
}
