//! What only the member half needs of the store: write sets, undo, groups as a whole.

use zeroize::Zeroize;

use crate::store::{Bytes, Layers, Store, Undo, GROUP_SCOPE};

const DEVICE_SCOPE: u8 = 2;

pub fn device_key(kind: u8, rest: &[u8]) -> Bytes {
    let mut key = vec![DEVICE_SCOPE, kind];
    key.extend_from_slice(rest);
    key
}

/// The group a key belongs to, if it belongs to one.
pub fn group_of_key(key: &[u8]) -> Option<&[u8]> {
    match key {
        [GROUP_SCOPE, length, rest @ ..] => rest.get(..usize::from(*length)),
        _ => None,
    }
}

/// A write set: `None` as value means delete.
pub type Writes = Vec<(Bytes, Option<Bytes>)>;

impl Store {
    pub fn delete_prefix(&self, prefix: &[u8]) {
        for key in self.keys_with_prefix(prefix) {
            self.delete(key);
        }
    }

    pub fn keys_with_prefix(&self, prefix: &[u8]) -> Vec<Bytes> {
        let layers = self.layers.borrow();
        let range = layers.values.range(prefix.to_vec()..);
        let keys = range.map(|(key, _)| key.clone());
        keys.take_while(|key| key.starts_with(prefix)).collect()
    }

    pub fn bytes_with_prefix(&self, prefix: &[u8]) -> usize {
        let layers = self.layers.borrow();
        let range = layers.values.range(prefix.to_vec()..);
        range
            .take_while(|(key, _)| key.starts_with(prefix))
            .map(|(key, value)| key.len() + value.len())
            .sum()
    }

    /// Forgets entries without tracking it: the caller's store keeps them.
    pub fn forget_prefix(&self, prefix: &[u8]) {
        for key in self.keys_with_prefix(prefix) {
            if let Some(mut value) = self.layers.borrow_mut().values.remove(&key) {
                value.zeroize();
            }
        }
    }

    pub fn has_writes_for(&self, prefix: &[u8]) -> bool {
        let layers = self.layers.borrow();
        layers.undo.keys().any(|key| key.starts_with(prefix))
    }

    /// Everything since the last `commit_writes`; a key put and deleted in between is left out.
    pub fn writes(&self) -> Writes {
        let layers = self.layers.borrow();
        let touched = layers.undo.iter();
        touched
            .map(|(key, before)| (key, before, layers.values.get(key)))
            .filter(|(_, before, now)| before.as_ref() != *now)
            .map(|(key, _, now)| (key.clone(), now.cloned()))
            .collect()
    }

    /// Undoes everything since the last `commit_writes`; returns the keys it touched.
    pub fn rollback(&self) -> Vec<Bytes> {
        let mut layers = self.layers.borrow_mut();
        let undo = std::mem::take(&mut layers.undo);
        layers.revert(undo)
    }

    /// Ends an operation that failed; returns the keys it had touched.
    pub fn undo_operation(&self) -> Vec<Bytes> {
        let mut layers = self.layers.borrow_mut();
        let savepoint = std::mem::take(&mut layers.savepoint);
        layers.revert(savepoint)
    }
}

impl Layers {
    fn revert(&mut self, undo: Undo) -> Vec<Bytes> {
        let mut touched = Vec::with_capacity(undo.len());
        for (key, before) in undo {
            match before {
                Some(value) => self.values.insert(key.clone(), value),
                None => self.values.remove(&key),
            };
            touched.push(key);
        }
        touched
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::STORE_CORRUPT;
    use crate::store::{group_key, group_prefix};

    fn value(store: &Store) -> Option<u32> {
        store.get(b"k").unwrap_or_default()
    }

    #[test]
    fn failed_operation_leaves_earlier_writes() {
        let store = Store::default();
        assert!(store.put(b"k".to_vec(), &1_u32).is_ok());
        store.keep_operation();
        assert!(store.put(b"k".to_vec(), &2_u32).is_ok());
        assert_eq!(store.undo_operation(), vec![b"k".to_vec()]);
        assert_eq!(value(&store), Some(1));
        assert_eq!(store.writes().len(), 1);
    }

    #[test]
    fn rollback_goes_back_to_the_last_commit() {
        let store = Store::default();
        assert!(store.put(b"k".to_vec(), &1_u32).is_ok());
        store.keep_operation();
        store.commit_writes();
        store.delete(b"k".to_vec());
        store.keep_operation();
        assert_eq!(store.writes(), vec![(b"k".to_vec(), None)]);
        store.rollback();
        assert_eq!(value(&store), Some(1));
        assert!(store.writes().is_empty());
    }

    #[test]
    fn key_put_and_deleted_is_no_write() {
        let store = Store::default();
        assert!(store.put(b"k".to_vec(), &1_u32).is_ok());
        store.delete(b"k".to_vec());
        store.keep_operation();
        assert!(store.writes().is_empty());
    }

    #[test]
    fn prefix_of_one_group_is_no_other_groups() {
        let store = Store::default();
        assert!(store.put(group_key(&[1, 2], 0, &[]), &1_u32).is_ok());
        assert!(store.put(group_key(&[1], 2, &[]), &1_u32).is_ok());
        assert_eq!(store.keys_with_prefix(&group_prefix(&[1])).len(), 1);
        assert_eq!(group_of_key(&group_key(&[1, 2], 0, &[])), Some(&[1, 2][..]));
        assert_eq!(group_of_key(&device_key(0, &[])), None);
    }

    #[test]
    fn value_of_unknown_format_is_corrupt() {
        let store = Store::default();
        assert_eq!(store.restore(b"k", &[9, 1]), Err(STORE_CORRUPT));
    }
}
