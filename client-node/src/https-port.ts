import { Agent, type RequestOptions, request } from "node:https";
import type { HttpPort, HttpRequest } from "@cloister/client-core";
import { clientNodeErrors } from "./errors.ts";
import type { PinnedAuthorities } from "./pinned-authority.ts";

/** HTTPS by TLS 1.3 alone, to the pinned authority or else the platform's. */
export class HttpsPort implements HttpPort, Disposable {
  readonly #authorities: PinnedAuthorities;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 4, minVersion: "TLSv1.3" });

  constructor(authorities: PinnedAuthorities) {
    this.#authorities = authorities;
  }

  async post(call: HttpRequest): Promise<{ readonly status: number; readonly body: Uint8Array }> {
    const ca = await this.#authorities.pemFor(call.baseUrl, call.caSha256);
    const options: RequestOptions = {
      method: "POST",
      agent: this.#agent,
      headers: {
        "content-type": "application/x-protobuf",
        "content-length": call.body.length,
      },
      ...(ca === undefined ? {} : { ca }),
    };
    return await exchange(new URL(call.path, call.baseUrl), options, call);
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}

async function exchange(
  url: URL,
  options: RequestOptions,
  call: HttpRequest,
): Promise<{ readonly status: number; readonly body: Uint8Array }> {
  const { promise, resolve, reject } = Promise.withResolvers<{
    status: number;
    body: Uint8Array;
  }>();
  const outgoing = request(url, options, (response) => {
    const chunks: Buffer[] = [];
    let received = 0;
    response.on("data", (chunk: Buffer) => {
      received += chunk.length;
      if (received > call.maxResponseBytes) {
        fail(clientNodeErrors.ERR_RESPONSE_TOO_LONG("the server's answer is too long"));
      } else chunks.push(chunk);
    });
    response.on("error", (cause) => fail(httpError(url, cause)));
    response.on("end", () =>
      resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }),
    );
  });
  // The first reason counts: destroying the call makes errors of its own.
  const fail = (error: Error): void => {
    reject(error);
    outgoing.destroy();
  };
  // Bounds the whole call; a socket's own timeout would start anew with each byte.
  const deadline = setTimeout(() => fail(timedOut(url)), call.timeoutMs);
  outgoing.on("error", (cause) => fail(httpError(url, cause)));
  outgoing.end(call.body);
  try {
    return await promise;
  } finally {
    clearTimeout(deadline);
  }
}

function timedOut(url: URL): Error {
  return clientNodeErrors.ERR_SERVER_TIMEOUT(`${url.host} did not answer in time`);
}

function httpError(url: URL, cause: Error): Error {
  const code = "code" in cause ? String(cause.code) : "";
  if (/CERT|SELF_SIGNED|ISSUER|VERIFY|ALTNAME/.test(code)) {
    const text = `${url.host} shows a certificate that does not fit`;
    return clientNodeErrors.ERR_SERVER_UNPINNED(text, { cause });
  }
  return clientNodeErrors.ERR_SERVER_UNREACHABLE(`${url.host} cannot be reached`, { cause });
}
