//! OpenMLS's errors as stable codes, as far as both halves share them.

use openmls::framing::errors::MessageDecryptionError;
use openmls::group::{StageCommitError, ValidationError};
use openmls::prelude::CreationFromExternalError;
use openmls::treesync::errors::ApplyUpdatePathError;

use crate::error::{
    EngineError, BAD_SIGNATURE, BAD_TAG, DECRYPTION, GROUP_INFO_SIGNATURE, INTERNAL, PATH, REFUSED,
    REPLAYED, SUITE, TREE, UNKNOWN_SENDER, WRONG_EPOCH, WRONG_GROUP, WRONG_KIND,
};

pub fn of_creation<E>(error: &CreationFromExternalError<E>) -> EngineError {
    match error {
        CreationFromExternalError::InvalidGroupInfoSignature => GROUP_INFO_SIGNATURE,
        CreationFromExternalError::UnknownSender => UNKNOWN_SENDER,
        CreationFromExternalError::UnsupportedMlsVersion
        | CreationFromExternalError::UnsupportedCiphersuite(_) => SUITE,
        CreationFromExternalError::WriteToStorageError(_) => INTERNAL,
        _ => TREE,
    }
}

pub fn of_validation(error: &ValidationError) -> EngineError {
    match error {
        ValidationError::WrongGroupId => WRONG_GROUP,
        ValidationError::WrongEpoch | ValidationError::NoPastEpochData => WRONG_EPOCH,
        ValidationError::UnknownMember => UNKNOWN_SENDER,
        ValidationError::MissingMembershipTag
        | ValidationError::InvalidMembershipTag
        | ValidationError::MissingConfirmationTag => BAD_TAG,
        ValidationError::InvalidSignature | ValidationError::InvalidLeafNodeSignature => {
            BAD_SIGNATURE
        }
        ValidationError::UnableToDecrypt(error) => of_decryption(error),
        ValidationError::WrongWireFormat | ValidationError::NotACommit => WRONG_KIND,
        _ => REFUSED,
    }
}

fn of_decryption(error: &MessageDecryptionError) -> EngineError {
    match error {
        MessageDecryptionError::SecretTreeError(_)
        | MessageDecryptionError::GenerationOutOfBound => REPLAYED,
        _ => DECRYPTION,
    }
}

pub fn of_stage(error: &StageCommitError) -> EngineError {
    match error {
        StageCommitError::EpochMismatch => WRONG_EPOCH,
        StageCommitError::ConfirmationTagMissing | StageCommitError::ConfirmationTagMismatch => {
            BAD_TAG
        }
        StageCommitError::PathLeafNodeVerificationFailure => BAD_SIGNATURE,
        StageCommitError::OwnCommitMismatch => REFUSED,
        StageCommitError::MissingDecryptionKey
        | StageCommitError::UpdatePathError(
            ApplyUpdatePathError::UnableToDecrypt
            | ApplyUpdatePathError::MissingCiphertext
            | ApplyUpdatePathError::PathMismatch,
        ) => PATH,
        _ => REFUSED,
    }
}
