//! OpenMLS's errors of the member half as stable codes.

use openmls::group::{
    CreateCommitError, ExternalCommitBuilderError, MlsGroupStateError, ProcessMessageError,
    ProposalValidationError, WelcomeError,
};
use openmls::prelude::MlsMessageOut;

use crate::error::{
    EngineError, Outcome, INACTIVE, INTERNAL, KEY_PACKAGE, NOT_FOR_US, REFUSED, STORE_CORRUPT,
    SUITE, TREE, USAGE, WELCOME, WRONG_KIND,
};
use crate::failure::{of_creation, of_stage, of_validation};

pub fn encode(message: &MlsMessageOut) -> Outcome<Vec<u8>> {
    message.to_bytes().map_err(|_| INTERNAL)
}

pub fn of_processing<E>(error: &ProcessMessageError<E>) -> EngineError {
    match error {
        ProcessMessageError::ValidationError(error) => of_validation(error),
        ProcessMessageError::InvalidCommit(error) => of_stage(error),
        ProcessMessageError::GroupStateError(MlsGroupStateError::UseAfterEviction) => INACTIVE,
        ProcessMessageError::IncompatibleWireFormat => WRONG_KIND,
        ProcessMessageError::StorageError(_) => STORE_CORRUPT,
        _ => REFUSED,
    }
}

pub fn of_welcome<E>(error: &WelcomeError<E>) -> EngineError {
    match error {
        WelcomeError::NoMatchingKeyPackage
        | WelcomeError::NoMatchingEncryptionKey
        | WelcomeError::JoinerSecretNotFound => NOT_FOR_US,
        WelcomeError::CiphersuiteMismatch | WelcomeError::UnsupportedCiphersuite(_) => SUITE,
        WelcomeError::PublicTreeError(_) => TREE,
        WelcomeError::PublicGroupError(error) => of_creation(error),
        WelcomeError::StorageError(_) => STORE_CORRUPT,
        _ => WELCOME,
    }
}

pub fn of_external<E>(error: &ExternalCommitBuilderError<E>) -> EngineError {
    match error {
        ExternalCommitBuilderError::PublicGroupError(error) => of_creation(error),
        ExternalCommitBuilderError::UnsupportedCiphersuite(_) => SUITE,
        ExternalCommitBuilderError::StorageError(_) => STORE_CORRUPT,
        _ => REFUSED,
    }
}

pub fn of_commit(error: &CreateCommitError) -> EngineError {
    match error {
        CreateCommitError::CannotRemoveSelf => USAGE,
        CreateCommitError::ProposalValidationError(
            ProposalValidationError::UnknownMemberRemoval
            | ProposalValidationError::DuplicateMemberRemoval,
        ) => USAGE,
        CreateCommitError::ProposalValidationError(_) => KEY_PACKAGE,
        CreateCommitError::LibraryError(_) => INTERNAL,
        _ => REFUSED,
    }
}
