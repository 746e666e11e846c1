//! From OpenMLS's typed keys to the store's byte keys.

use ciborium::Value;
use serde::Serialize;

use crate::store::{group_key, StoreError};

/// The kinds of entries. Numbers are part of the stored format: never reuse one.
pub mod kind {
    pub const TREE: u8 = 1;
    pub const INTERIM_TRANSCRIPT_HASH: u8 = 2;
    pub const CONTEXT: u8 = 3;
    pub const CONFIRMATION_TAG: u8 = 4;
    #[cfg(feature = "member")]
    pub const JOIN_CONFIG: u8 = 16;
    #[cfg(feature = "member")]
    pub const OWN_LEAF_NODES: u8 = 17;
    #[cfg(feature = "member")]
    pub const GROUP_STATE: u8 = 18;
    #[cfg(feature = "member")]
    pub const MESSAGE_SECRETS: u8 = 19;
    #[cfg(feature = "member")]
    pub const RESUMPTION_PSKS: u8 = 20;
    #[cfg(feature = "member")]
    pub const OWN_LEAF_INDEX: u8 = 21;
    #[cfg(feature = "member")]
    pub const EPOCH_SECRETS: u8 = 22;
    #[cfg(feature = "member")]
    pub const EPOCH_KEY_PAIRS: u8 = 23;
    #[cfg(feature = "member")]
    pub const ENCRYPTION_KEY_PAIR: u8 = 32;
    #[cfg(feature = "member")]
    pub const KEY_PACKAGE: u8 = 33;
}

#[cfg(feature = "member")]
pub fn cbor<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).map_err(|_| StoreError)?;
    Ok(bytes)
}

/// Key of one entry of a group. OpenMLS hands the group id as an opaque
/// `Serialize`, so its bytes are taken out of the CBOR value.
pub fn key_of_group<G: Serialize>(group: &G, kind: u8) -> Result<Vec<u8>, StoreError> {
    key_in_group(group, kind, &[])
}

pub fn key_in_group<G: Serialize>(group: &G, kind: u8, rest: &[u8]) -> Result<Vec<u8>, StoreError> {
    let value = Value::serialized(group).map_err(|_| StoreError)?;
    Ok(group_key(&inner_bytes(value)?, kind, rest))
}

/// The only byte string inside a newtype over bytes, however deep.
fn inner_bytes(value: Value) -> Result<Vec<u8>, StoreError> {
    match value {
        Value::Bytes(bytes) => Ok(bytes),
        Value::Map(entries) => {
            let mut values = entries.into_iter().map(|(_, value)| value);
            inner_bytes(values.next().ok_or(StoreError)?)
        }
        Value::Array(items) => items.into_iter().map(octet).collect(),
        _ => Err(StoreError),
    }
}

fn octet(value: Value) -> Result<u8, StoreError> {
    match value {
        Value::Integer(integer) => u8::try_from(integer).map_err(|_| StoreError),
        _ => Err(StoreError),
    }
}
