import "reflect-metadata";
import { createHash, randomBytes, webcrypto } from "node:crypto";
import { isIP } from "node:net";
import * as x509 from "@peculiar/x509";
import { kitErrors } from "./errors.ts";

/** Certificate and key in PEM. The key is a secret: it goes into a file of mode 0600 or a seal. */
export interface IssuedCertificate {
  readonly certPem: string;
  readonly keyPem: string;
}

export interface CertificateAuthority extends IssuedCertificate {
  /** SHA-256 of the certificate's DER in hex: what a claim code and an invitation carry. */
  readonly fingerprint: string;
}

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const dayMs = 86_400_000;
/** Clocks of a fleet differ a little; a certificate counts from this much earlier. */
const backdateMs = 5 * 60_000;

/** Makes the one certificate authority of a fleet (RFC 5280); it may sign servers only, no CA. */
export async function createCertificateAuthority(options: {
  readonly name: string;
  readonly nowMs: number;
  readonly days?: number;
}): Promise<CertificateAuthority> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: randomSerial(),
    name: [{ CN: [checkedName(options.name)] }],
    notBefore: new Date(options.nowMs - backdateMs),
    notAfter: new Date(options.nowMs + (options.days ?? 3_650) * dayMs),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return {
    certPem: cert.toString("pem"),
    keyPem: await privateKeyPem(keys.privateKey),
    fingerprint: fingerprintOf(cert.toString("pem")),
  };
}

export interface ServerCertificateInput {
  /** DNS names and IP addresses; the first also becomes the common name. */
  readonly hosts: readonly string[];
  readonly nowMs: number;
  readonly days?: number;
}

/** Issues a certificate that serves, and connects to other servers of the fleet, as `hosts`. */
export async function issueServerCertificate(
  authority: IssuedCertificate,
  input: ServerCertificateInput,
): Promise<IssuedCertificate> {
  const [first] = input.hosts;
  if (first === undefined) throw kitErrors.ERR_TLS_ISSUE("a certificate needs at least one host");
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const issuer = new x509.X509Certificate(authority.certPem);
  const cert = await x509.X509CertificateGenerator.create({
    serialNumber: randomSerial(),
    subject: [{ CN: [checkedName(first)] }],
    issuer: issuer.subjectName,
    notBefore: new Date(input.nowMs - backdateMs),
    notAfter: new Date(input.nowMs + (input.days ?? 365) * dayMs),
    signingAlgorithm: algorithm,
    publicKey: keys.publicKey,
    signingKey: await parsePrivateKey(authority.keyPem),
    extensions: await serverExtensions(issuer, { hosts: input.hosts, publicKey: keys.publicKey }),
  });
  return { certPem: cert.toString("pem"), keyPem: await privateKeyPem(keys.privateKey) };
}

async function serverExtensions(
  issuer: x509.X509Certificate,
  subject: { readonly hosts: readonly string[]; readonly publicKey: webcrypto.CryptoKey },
): Promise<x509.Extension[]> {
  const usages = [x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth];
  return [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension(usages),
    new x509.SubjectAlternativeNameExtension(
      subject.hosts.map((host) => ({
        type: isIP(host) === 0 ? ("dns" as const) : ("ip" as const),
        value: checkedName(host),
      })),
    ),
    await x509.SubjectKeyIdentifierExtension.create(subject.publicKey),
    await x509.AuthorityKeyIdentifierExtension.create(issuer),
  ];
}

/** SHA-256 of a certificate's DER, in hex. */
export function fingerprintOf(certPem: string): string {
  const der = new x509.X509Certificate(certPem).rawData;
  return createHash("sha256").update(new Uint8Array(der)).digest("hex");
}

function checkedName(name: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9 .:_-]{0,62}$/.test(name) && isIP(name) === 0) {
    throw kitErrors.ERR_TLS_ISSUE("a name in a certificate has up to 63 letters, digits, . : _ -");
  }
  return name;
}

/** 16 random bytes, positive (RFC 5280 §4.1.2.2). */
function randomSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString("hex");
}

async function privateKeyPem(key: webcrypto.CryptoKey): Promise<string> {
  const pkcs8 = await webcrypto.subtle.exportKey("pkcs8", key);
  return x509.PemConverter.encode(pkcs8, "PRIVATE KEY");
}

async function parsePrivateKey(pem: string): Promise<webcrypto.CryptoKey> {
  const [der] = x509.PemConverter.decode(pem);
  if (der === undefined) throw kitErrors.ERR_TLS_ISSUE("the authority's key is not in PEM");
  return webcrypto.subtle.importKey("pkcs8", der, algorithm, false, ["sign"]);
}
