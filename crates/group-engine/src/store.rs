//! The engine's store: a map in memory with a tracked write set.
//!
//! Two layers of undo: `savepoint` makes one operation all or nothing, `undo`
//! holds what the caller has not yet written to its own store.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::Serialize;
use zeroize::Zeroize;

use crate::error::{EngineError, Outcome, STORE_CORRUPT};

/// Every stored value begins with it; a reader refuses others.
const VALUE_FORMAT: u8 = 1;
pub(crate) const GROUP_SCOPE: u8 = 1;

pub(crate) type Bytes = Vec<u8>;
/// What stood at a key before it was first touched.
pub(crate) type Undo = BTreeMap<Bytes, Option<Bytes>>;

#[derive(Default)]
pub(crate) struct Layers {
    pub(crate) values: BTreeMap<Bytes, Bytes>,
    pub(crate) undo: Undo,
    pub(crate) savepoint: Undo,
}

#[derive(Default)]
pub struct Store {
    pub(crate) layers: RefCell<Layers>,
}

/// What a store call can fail with; OpenMLS wants a std error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreError;

impl std::fmt::Display for StoreError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(STORE_CORRUPT.message)
    }
}

impl std::error::Error for StoreError {}

impl From<StoreError> for EngineError {
    fn from(_: StoreError) -> Self {
        STORE_CORRUPT
    }
}

/// `1 ‖ length ‖ group id`: all entries of one group, and no other's, begin so.
pub fn group_prefix(group_id: &[u8]) -> Bytes {
    let mut key = vec![GROUP_SCOPE, u8::try_from(group_id.len()).unwrap_or(u8::MAX)];
    key.extend_from_slice(group_id);
    key
}

pub fn group_key(group_id: &[u8], kind: u8, rest: &[u8]) -> Bytes {
    let mut key = group_prefix(group_id);
    key.push(kind);
    key.extend_from_slice(rest);
    key
}

impl Store {
    pub fn put<T: Serialize>(&self, key: Bytes, value: &T) -> Result<(), StoreError> {
        let mut encoded = vec![VALUE_FORMAT];
        ciborium::into_writer(value, &mut encoded).map_err(|_| StoreError)?;
        self.layers.borrow_mut().set(key, Some(encoded));
        Ok(())
    }

    pub fn get<T: DeserializeOwned>(&self, key: &[u8]) -> Result<Option<T>, StoreError> {
        let layers = self.layers.borrow();
        match layers.values.get(key).map(Vec::as_slice) {
            None => Ok(None),
            Some([VALUE_FORMAT, rest @ ..]) => {
                ciborium::from_reader(rest).map(Some).map_err(|_| StoreError)
            }
            Some(_) => Err(StoreError),
        }
    }

    pub fn delete(&self, key: Bytes) {
        self.layers.borrow_mut().set(key, None);
    }

    /// Puts back an entry of the caller's store, untracked.
    pub fn restore(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        if value.first() != Some(&VALUE_FORMAT) {
            return Err(STORE_CORRUPT);
        }
        let mut layers = self.layers.borrow_mut();
        layers.values.insert(key.to_vec(), value.to_vec());
        Ok(())
    }

    #[cfg(not(feature = "member"))]
    pub fn entries(&self) -> Vec<(Bytes, Bytes)> {
        let layers = self.layers.borrow();
        layers.values.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    pub fn commit_writes(&self) {
        let undo = std::mem::take(&mut self.layers.borrow_mut().undo);
        wipe(undo);
    }

    /// Ends an operation that succeeded: its changes join the write set.
    pub fn keep_operation(&self) {
        let mut layers = self.layers.borrow_mut();
        for (key, before) in std::mem::take(&mut layers.savepoint) {
            layers.undo.entry(key).or_insert(before);
        }
    }
}

impl Layers {
    fn set(&mut self, key: Bytes, value: Option<Bytes>) {
        let before = match value {
            Some(value) => self.values.insert(key.clone(), value),
            None => self.values.remove(&key),
        };
        self.savepoint.entry(key).or_insert(before);
    }
}

fn wipe(undo: Undo) {
    for mut value in undo.into_values().flatten() {
        value.zeroize();
    }
}
