//! The same numbers as js/limits.ts, checked again on this side of the boundary.

pub const GROUP_ID_BYTES: usize = 32;
pub const LEAF_SEED_BYTES: usize = 32;
pub const CONTEXT_EXTENSION_TYPE: u16 = 0xf0c1;
pub const MAX_ADDS: usize = 500;
pub const MAX_REMOVES: usize = 500;
pub const MAX_CREDENTIAL_BYTES: usize = 8_192;
pub const MAX_CONTEXT_EXTENSION_BYTES: usize = 4_096;
pub const MAX_AAD_BYTES: usize = 32_768;
pub const MAX_HANDSHAKE_BYTES: usize = 16_777_216;
pub const MAX_TREE_BYTES: usize = 33_554_432;
pub const MAX_GROUP_INFO_BYTES: usize = 65_536;
pub const MAX_KEY_PACKAGE_BYTES: usize = 32_768;
pub const MAX_APPLICATION_BYTES: usize = 512_000;
pub const MAX_EXPORT_BYTES: usize = 255;
pub const MAX_LABEL_BYTES: usize = 128;

/// Skipped keys kept per sender. Streams deliver in order, so few are needed.
pub const OUT_OF_ORDER_TOLERANCE: u32 = 16;
/// Keys a sender may have burnt on messages that were never published.
pub const MAX_FORWARD_DISTANCE: u32 = 10_000;
