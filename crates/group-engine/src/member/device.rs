//! The device's MLS leaf key and credential, and what its leaves announce.

use ed25519_dalek::{Signer as _, SigningKey};
use openmls::prelude::{
    BasicCredential, Capabilities, Credential, CredentialType, CredentialWithKey, ExtensionType,
    Lifetime, ProtocolVersion,
};
use openmls_traits::signatures::{Signer, SignerError};
use openmls_traits::types::SignatureScheme;

use crate::crypto::SUITE;
use crate::limits::{CONTEXT_EXTENSION_TYPE, LEAF_SEED_BYTES};

pub struct Device {
    key: SigningKey,
    public_key: Vec<u8>,
    credential: Credential,
}

impl Device {
    pub fn new(seed: &[u8; LEAF_SEED_BYTES], credential: &[u8]) -> Self {
        let key = SigningKey::from_bytes(seed);
        Self {
            public_key: key.verifying_key().to_bytes().to_vec(),
            key,
            credential: BasicCredential::new(credential.to_vec()).into(),
        }
    }

    pub fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    pub fn credential_with_key(&self) -> CredentialWithKey {
        self.with_credential(self.credential.clone())
    }

    pub fn with_identity(&self, identity: &[u8]) -> CredentialWithKey {
        self.with_credential(BasicCredential::new(identity.to_vec()).into())
    }

    fn with_credential(&self, credential: Credential) -> CredentialWithKey {
        CredentialWithKey { credential, signature_key: self.public_key.as_slice().into() }
    }
}

impl Signer for Device {
    fn sign(&self, payload: &[u8]) -> Result<Vec<u8>, SignerError> {
        Ok(self.key.sign(payload).to_bytes().to_vec())
    }

    fn signature_scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}

pub fn capabilities() -> Capabilities {
    Capabilities::builder()
        .versions(vec![ProtocolVersion::Mls10])
        .ciphersuites(vec![SUITE])
        .extensions(vec![ExtensionType::Unknown(CONTEXT_EXTENSION_TYPE)])
        .proposals(Vec::new())
        .credentials(vec![CredentialType::Basic])
        .build()
}

/// Expiry counts in log time (DESIGN rule 6), so leaves themselves never expire.
pub fn lifetime() -> Lifetime {
    Lifetime::init(0, u64::MAX)
}
