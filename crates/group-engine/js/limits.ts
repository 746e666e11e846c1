/** Sizes are refused here, before a byte is copied into the engine. */
export const GROUP_ID_BYTES = 32;
export const LEAF_SEED_BYTES = 32;
export const MLS_SUITE = 0x0003;
export const CONTEXT_EXTENSION_TYPE = 0xf0c1;

/** A batch of adds; larger ones block for seconds and exceed the wire's chunks. */
export const MAX_ADDS = 500;
export const MAX_REMOVES = 500;
export const MAX_CREDENTIAL_BYTES = 8_192;
export const MAX_CONTEXT_EXTENSION_BYTES = 4_096;
export const MAX_AAD_BYTES = 32_768;
/** Worst commit measured at 1,000 leaves: 271 KB; credentials add to it. */
export const MAX_HANDSHAKE_BYTES = 16_777_216;
export const MAX_WELCOME_BYTES = 16_777_216;
export const MAX_TREE_BYTES = 33_554_432;
export const MAX_GROUP_INFO_BYTES = 65_536;
export const MAX_KEY_PACKAGE_BYTES = 32_768;
/** One application message: the wire's 512,000 bytes with headers. */
export const MAX_APPLICATION_BYTES = 512_000;
export const MAX_STORE_KEY_BYTES = 4_096;
export const MAX_STORE_ENTRY_BYTES = 67_108_864;
/** The public half's stored form of a group: a tree takes about twice its wire size. */
export const MAX_PUBLIC_STATE_BYTES = 134_217_728;
export const KEY_PACKAGE_REF_BYTES = 32;
export const MAX_EXPORT_BYTES = 255;
export const MAX_LABEL_BYTES = 128;
