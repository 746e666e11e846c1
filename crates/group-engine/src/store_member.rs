//! The entries only members have: all secrets are among them.

use openmls_traits::storage::{traits, StorageProvider, CURRENT_VERSION};

use crate::store::{Store, StoreError};
use crate::store_keys::{cbor, key_in_group, key_of_group, kind};
use crate::store_tracking::device_key;

const V: u16 = CURRENT_VERSION;

/// Signature keys live outside (the device holds its seed) and pre-shared keys
/// are not in the repertoire: both are refused, nothing is stored.
impl StorageProvider<CURRENT_VERSION> for Store {
    type Error = StoreError;

    public_entries!();
    group_entry!(
        write_mls_join_config,
        mls_group_join_config,
        delete_group_config,
        JOIN_CONFIG,
        MlsGroupJoinConfig
    );
    group_entry!(
        write_message_secrets,
        message_secrets,
        delete_message_secrets,
        MESSAGE_SECRETS,
        MessageSecrets
    );
    group_entry!(
        write_resumption_psk_store,
        resumption_psk_store,
        delete_all_resumption_psk_secrets,
        RESUMPTION_PSKS,
        ResumptionPskStore
    );
    group_entry!(
        write_own_leaf_index,
        own_leaf_index,
        delete_own_leaf_index,
        OWN_LEAF_INDEX,
        LeafNodeIndex
    );
    group_entry!(
        write_group_epoch_secrets,
        group_epoch_secrets,
        delete_group_epoch_secrets,
        EPOCH_SECRETS,
        GroupEpochSecrets
    );

    fn write_group_state<S: traits::GroupState<V>, G: traits::GroupId<V>>(
        &self,
        group: &G,
        state: &S,
    ) -> Result<(), StoreError> {
        self.put(key_of_group(group, kind::GROUP_STATE)?, state)
    }

    fn group_state<S: traits::GroupState<V>, G: traits::GroupId<V>>(
        &self,
        group: &G,
    ) -> Result<Option<S>, StoreError> {
        self.get(&key_of_group(group, kind::GROUP_STATE)?)
    }

    fn delete_group_state<G: traits::GroupId<V>>(&self, group: &G) -> Result<(), StoreError> {
        self.delete(key_of_group(group, kind::GROUP_STATE)?);
        Ok(())
    }

    fn append_own_leaf_node<G: traits::GroupId<V>, L: traits::LeafNode<V>>(
        &self,
        group: &G,
        leaf: &L,
    ) -> Result<(), StoreError> {
        let mut leaves: Vec<ciborium::Value> = self.leaf_nodes(group)?;
        leaves.push(ciborium::Value::serialized(leaf).map_err(|_| StoreError)?);
        self.put(key_of_group(group, kind::OWN_LEAF_NODES)?, &leaves)
    }

    fn own_leaf_nodes<G: traits::GroupId<V>, L: traits::LeafNode<V>>(
        &self,
        group: &G,
    ) -> Result<Vec<L>, StoreError> {
        self.leaf_nodes(group)
    }

    fn delete_own_leaf_nodes<G: traits::GroupId<V>>(&self, group: &G) -> Result<(), StoreError> {
        self.delete(key_of_group(group, kind::OWN_LEAF_NODES)?);
        Ok(())
    }

    fn queued_proposal_refs<G: traits::GroupId<V>, R: traits::ProposalRef<V>>(
        &self,
        _group: &G,
    ) -> Result<Vec<R>, StoreError> {
        Ok(Vec::new())
    }

    fn write_encryption_epoch_key_pairs<
        G: traits::GroupId<V>,
        E: traits::EpochKey<V>,
        H: traits::HpkeKeyPair<V>,
    >(
        &self,
        group: &G,
        epoch: &E,
        leaf_index: u32,
        key_pairs: &[H],
    ) -> Result<(), StoreError> {
        self.put(epoch_key(group, epoch, leaf_index)?, &key_pairs)
    }

    fn encryption_epoch_key_pairs<
        G: traits::GroupId<V>,
        E: traits::EpochKey<V>,
        H: traits::HpkeKeyPair<V>,
    >(
        &self,
        group: &G,
        epoch: &E,
        leaf_index: u32,
    ) -> Result<Vec<H>, StoreError> {
        let key = epoch_key(group, epoch, leaf_index)?;
        Ok(self.get(&key)?.unwrap_or_default())
    }

    fn delete_encryption_epoch_key_pairs<G: traits::GroupId<V>, E: traits::EpochKey<V>>(
        &self,
        group: &G,
        epoch: &E,
        leaf_index: u32,
    ) -> Result<(), StoreError> {
        self.delete(epoch_key(group, epoch, leaf_index)?);
        Ok(())
    }

    fn write_encryption_key_pair<E: traits::EncryptionKey<V>, H: traits::HpkeKeyPair<V>>(
        &self,
        public_key: &E,
        key_pair: &H,
    ) -> Result<(), StoreError> {
        self.put(device_key(kind::ENCRYPTION_KEY_PAIR, &cbor(public_key)?), key_pair)
    }

    fn encryption_key_pair<H: traits::HpkeKeyPair<V>, E: traits::EncryptionKey<V>>(
        &self,
        public_key: &E,
    ) -> Result<Option<H>, StoreError> {
        self.get(&device_key(kind::ENCRYPTION_KEY_PAIR, &cbor(public_key)?))
    }

    fn delete_encryption_key_pair<E: traits::EncryptionKey<V>>(
        &self,
        public_key: &E,
    ) -> Result<(), StoreError> {
        self.delete(device_key(kind::ENCRYPTION_KEY_PAIR, &cbor(public_key)?));
        Ok(())
    }

    fn write_key_package<R: traits::HashReference<V>, K: traits::KeyPackage<V>>(
        &self,
        reference: &R,
        key_package: &K,
    ) -> Result<(), StoreError> {
        self.put(device_key(kind::KEY_PACKAGE, &cbor(reference)?), key_package)
    }

    fn key_package<R: traits::HashReference<V>, K: traits::KeyPackage<V>>(
        &self,
        reference: &R,
    ) -> Result<Option<K>, StoreError> {
        self.get(&device_key(kind::KEY_PACKAGE, &cbor(reference)?))
    }

    fn delete_key_package<R: traits::HashReference<V>>(
        &self,
        reference: &R,
    ) -> Result<(), StoreError> {
        self.delete(device_key(kind::KEY_PACKAGE, &cbor(reference)?));
        Ok(())
    }

    fn write_signature_key_pair<
        P: traits::SignaturePublicKey<V>,
        S: traits::SignatureKeyPair<V>,
    >(
        &self,
        _public_key: &P,
        _key_pair: &S,
    ) -> Result<(), StoreError> {
        Err(StoreError)
    }

    fn signature_key_pair<P: traits::SignaturePublicKey<V>, S: traits::SignatureKeyPair<V>>(
        &self,
        _public_key: &P,
    ) -> Result<Option<S>, StoreError> {
        Ok(None)
    }

    fn delete_signature_key_pair<P: traits::SignaturePublicKey<V>>(
        &self,
        _public_key: &P,
    ) -> Result<(), StoreError> {
        Ok(())
    }

    fn write_psk<I: traits::PskId<V>, B: traits::PskBundle<V>>(
        &self,
        _id: &I,
        _psk: &B,
    ) -> Result<(), StoreError> {
        Err(StoreError)
    }

    fn psk<B: traits::PskBundle<V>, I: traits::PskId<V>>(
        &self,
        _id: &I,
    ) -> Result<Option<B>, StoreError> {
        Ok(None)
    }

    fn delete_psk<K: traits::PskId<V>>(&self, _id: &K) -> Result<(), StoreError> {
        Ok(())
    }
}

impl Store {
    fn leaf_nodes<G: traits::GroupId<V>, T: serde::de::DeserializeOwned>(
        &self,
        group: &G,
    ) -> Result<Vec<T>, StoreError> {
        Ok(self.get(&key_of_group(group, kind::OWN_LEAF_NODES)?)?.unwrap_or_default())
    }
}

fn epoch_key<G: traits::GroupId<V>, E: traits::EpochKey<V>>(
    group: &G,
    epoch: &E,
    leaf_index: u32,
) -> Result<Vec<u8>, StoreError> {
    key_in_group(group, kind::EPOCH_KEY_PAIRS, &cbor(&(epoch, leaf_index))?)
}
