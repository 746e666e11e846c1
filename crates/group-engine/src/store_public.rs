//! The entries that both halves have: what a PublicGroup consists of.

/// One value a group: its writer, reader and deleter.
macro_rules! group_entry {
    ($write:ident, $read:ident, $delete:ident, $kind:ident, $entity:ident) => {
        fn $write<G: traits::GroupId<CURRENT_VERSION>, E: traits::$entity<CURRENT_VERSION>>(
            &self,
            group: &G,
            value: &E,
        ) -> Result<(), StoreError> {
            self.put(key_of_group(group, kind::$kind)?, value)
        }

        fn $read<G: traits::GroupId<CURRENT_VERSION>, E: traits::$entity<CURRENT_VERSION>>(
            &self,
            group: &G,
        ) -> Result<Option<E>, StoreError> {
            self.get(&key_of_group(group, kind::$kind)?)
        }

        fn $delete<G: traits::GroupId<CURRENT_VERSION>>(
            &self,
            group: &G,
        ) -> Result<(), StoreError> {
            self.delete(key_of_group(group, kind::$kind)?);
            Ok(())
        }
    };
}

/// Tree, context, transcript hash, confirmation tag and the proposal queue.
///
/// The engine refuses standalone proposals before they could be queued, so the
/// queue is always empty; to queue one is an error rather than dead code.
macro_rules! public_entries {
    () => {
        group_entry!(write_tree, tree, delete_tree, TREE, TreeSync);
        group_entry!(write_context, group_context, delete_context, CONTEXT, GroupContext);
        group_entry!(
            write_interim_transcript_hash,
            interim_transcript_hash,
            delete_interim_transcript_hash,
            INTERIM_TRANSCRIPT_HASH,
            InterimTranscriptHash
        );
        group_entry!(
            write_confirmation_tag,
            confirmation_tag,
            delete_confirmation_tag,
            CONFIRMATION_TAG,
            ConfirmationTag
        );

        fn queue_proposal<
            G: traits::GroupId<CURRENT_VERSION>,
            R: traits::ProposalRef<CURRENT_VERSION>,
            P: traits::QueuedProposal<CURRENT_VERSION>,
        >(
            &self,
            _group: &G,
            _reference: &R,
            _proposal: &P,
        ) -> Result<(), StoreError> {
            Err(StoreError)
        }

        fn queued_proposals<
            G: traits::GroupId<CURRENT_VERSION>,
            R: traits::ProposalRef<CURRENT_VERSION>,
            P: traits::QueuedProposal<CURRENT_VERSION>,
        >(
            &self,
            _group: &G,
        ) -> Result<Vec<(R, P)>, StoreError> {
            Ok(Vec::new())
        }

        fn remove_proposal<
            G: traits::GroupId<CURRENT_VERSION>,
            R: traits::ProposalRef<CURRENT_VERSION>,
        >(
            &self,
            _group: &G,
            _reference: &R,
        ) -> Result<(), StoreError> {
            Ok(())
        }

        fn clear_proposal_queue<
            G: traits::GroupId<CURRENT_VERSION>,
            R: traits::ProposalRef<CURRENT_VERSION>,
        >(
            &self,
            _group: &G,
        ) -> Result<(), StoreError> {
            Ok(())
        }
    };
}

#[cfg(not(feature = "member"))]
mod provider {
    use openmls_traits::public_storage::PublicStorageProvider;
    use openmls_traits::storage::{traits, CURRENT_VERSION};

    use crate::store::{Store, StoreError};
    use crate::store_keys::{key_of_group, kind};

    impl PublicStorageProvider<CURRENT_VERSION> for Store {
        type PublicError = StoreError;
        public_entries!();
    }
}
