//! One error type with a stable code; js/errors.ts lists the same codes.

/// `code` is stable, `message` says what to do next. Never holds input bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineError {
    pub code: &'static str,
    pub message: &'static str,
}

impl EngineError {
    pub const fn new(code: &'static str, message: &'static str) -> Self {
        Self { code, message }
    }
}

pub type Outcome<T> = Result<T, EngineError>;

macro_rules! errors {
    ($($name:ident = $code:literal, $message:literal;)*) => {
        $(pub const $name: EngineError = EngineError::new($code, $message);)*
    };
}

errors! {
    USAGE = "engine.usage", "The arguments do not fit this call; see its documentation.";
    LIMIT = "engine.limit", "An input is larger than js/limits.ts allows.";
    INTERNAL = "engine.internal", "The group library failed on its own state; drop the instance and restore it.";
    UNWRITTEN = "engine.unwritten-changes", "Store the write set and call commitWrites, or roll back, first.";
    STORE_CORRUPT = "store.corrupt", "A stored entry cannot be read; restore from an older copy or resync.";
    MALFORMED = "message.malformed", "The bytes are not a well-formed MLS message.";
    UNSUPPORTED = "message.unsupported", "Only MLS 1.0 and suite 0x0003 are spoken here.";
    WRONG_KIND = "message.wrong-kind", "This call takes another kind of MLS message.";
    WRONG_GROUP = "message.wrong-group", "The message belongs to another group.";
    WRONG_EPOCH = "message.wrong-epoch", "The message belongs to another epoch.";
    BAD_SIGNATURE = "message.signature-invalid", "The signature does not verify.";
    DECRYPTION = "message.decryption-failed", "The message cannot be decrypted; it was altered or is not for this group.";
    REPLAYED = "message.replayed", "The message's key has been used or has passed.";
    OWN = "message.own", "This device sent the message itself.";
    UNKNOWN_SENDER = "message.sender-unknown", "The sender is no member of the group.";
    BAD_TAG = "message.tag-invalid", "The membership or confirmation tag does not verify.";
    REFUSED = "message.refused", "The commit breaks the rules of RFC 9420.";
    PATH = "commit.path-undecryptable", "The commit's path is not encrypted to this device: resync.";
    GROUP_MISSING = "group.not-found", "The group is not loaded.";
    GROUP_EXISTS = "group.exists", "The group exists already; delete it first.";
    INACTIVE = "group.inactive", "This device is no longer a member.";
    PENDING = "group.pending-commit", "A commit is pending; merge or clear it first.";
    NO_PENDING = "group.no-pending-commit", "No commit is pending.";
    NO_STAGED = "group.no-staged-commit", "No commit is staged.";
    RESYNC = "group.resync-required", "This device has a leaf already; name it in resyncLeafIndex.";
    SUITE = "group.suite-unsupported", "Only suite 0x0003 is spoken here.";
    GROUP_INFO = "group-info.mismatch", "The GroupInfo does not describe the state at hand.";
    GROUP_INFO_SIGNATURE = "group-info.signature-invalid", "The GroupInfo's signature does not verify.";
    TREE = "tree.mismatch", "The ratchet tree is malformed or not the one of the GroupInfo.";
    KEY_PACKAGE = "key-package.invalid", "The key package does not verify or does not fit the group.";
    KEY_PACKAGE_MISSING = "key-package.not-found", "No private key for this key package.";
    NOT_FOR_US = "welcome.not-for-us", "The Welcome is for other key packages.";
    WELCOME = "welcome.refused", "The Welcome does not verify.";
}
