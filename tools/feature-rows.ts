/**
 * What has been promised and is built, by its number in the list of promises: the sentence that
 * docs/features.md shows. A test proves a row by naming it in its title: `[F45] …`.
 */
export const featureRows: Readonly<Record<number, string>> = {
  1: "The private keys of a device are born on it; only public keys are sent",
  3: "A device's keys are encrypted at rest; a wrong passphrase opens nothing",
  4: "A room's public key is released only after the policy's check",
  5: "Who runs the servers sees no plaintext",
  11: "Claims form the tree org > project > room",
  12: "Roles owner and user at each level",
  15: "Policies at each level; they add up",
  21: "Messages are authorised: who was removed can neither publish nor read on",
  25: "Accounts makes users and their rights",
  27: "After the exchange no call to accounts: the rest goes on while it is down",
  28: "Every call is authenticated",
  29: "A session lasts 86,400 s",
  34: "Revocation bites live connections",
  38: "A denial of the org beats what a room allows",
  41: "Authorisation comes before every handler; a method without a rule fails the build",
  42: "Fields are validated by the contract; an error names the field",
  43: "TLS 1.3 only",
  44: "Pinned authorities; another one is refused",
  45: "Stored and forwarded to who is offline",
  46: "Acknowledged queues: sent again, shown once",
  47: "Files in chunks of at most 512,000 bytes",
  48: "A cut transfer goes on where it was",
  49: "NATS JWTs confine each device to its subjects",
  50: "All data types are generated from protobuf",
  51: "Unknown fields survive",
  52: "What a room holds is encrypted in transit and at rest",
  55: "No peer's address is shown or logged",
  70: "Local disk only: a restart keeps the streams",
  78: "What was built or got is checked by its hash",
  90: "The store takes ciphertext only",
  92: "Output for people and as JSON",
  95: "What lies on the servers' disks is sealed",
  96: "Files are AES-256-GCM: a flipped bit is refused",
  160: "A decision is explained by each rule that made it",
};

/** Without a test for each of these a release is not one. */
export const requiredRows: readonly number[] = [
  1, 3, 4, 5, 11, 12, 15, 27, 28, 29, 41, 42, 45, 47, 49, 50, 52, 90, 92, 95,
];
