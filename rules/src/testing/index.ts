/** Orgs in memory for the tests of every package: real keys, real signatures, the real rules. */

export { type ForgeryOptions, forgeStatement } from "./forge.ts";
export {
  accountKey,
  firstDevice,
  ownerFact,
  type TestAccount,
  type TestDevice,
  type TestKey,
  type TestService,
  testAccount,
  testDevice,
  testKey,
  testService,
} from "./keys.ts";
export { seededRandom } from "./random.ts";
export {
  noPolicy,
  type SubmitOptions,
  serviceKeys,
  TestOrg,
  type TestOrgOptions,
} from "./test-org.ts";
export { type TestCommit, type TestCommitOptions, TestRoom } from "./test-room.ts";
export { testGrant, testPass, testSession } from "./tokens.ts";
