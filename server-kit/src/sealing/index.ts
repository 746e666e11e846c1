/** Secrets at rest on a box: its key, sealed files, sealed key-value buckets. */
export {
  type BoxOptions,
  boxKeyPath,
  createBox,
  createDataKey,
  type DataKeyFile,
  fileWrapper,
  type KeyWrapper,
  openBox,
  openDataKey,
} from "./box.ts";
export { SEAL_OVERHEAD_BYTES, SEALING_KEY_BYTES, SealingKey } from "./seal.ts";
export {
  type BucketEntry,
  type BucketOptions,
  isWrongLastSequence,
  openSealedBucket,
  SealedBucket,
} from "./sealed-bucket.ts";
export {
  createPrivateFile,
  isSystemError,
  MAX_PRIVATE_FILE_BYTES,
  readPrivateFile,
  readSealedFile,
  type SealedFile,
  syncDirectory,
  writePrivateFile,
  writeSealedFile,
} from "./sealed-file.ts";
export { sealingErrors } from "./sealing-errors.ts";
export {
  type CredentialsFile,
  readServiceCredentials,
  type ServiceCredentials,
  writeServiceCredentials,
} from "./service-credentials.ts";
