/**
 * Who may come in: a request for this very address (a page of another site cannot name it, whatever its own name resolves
 * to), with the token, and sent by no other page. Every request is asked, also those for the style sheet.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";

/** On every answer. Nothing is loaded from elsewhere, nothing inline runs, and no page may frame this one. */
export const HEADERS: Readonly<Record<string, string>> = {
  "Content-Security-Policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; " +
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Cache-Control": "no-store",
};

export class Door {
  readonly #host: string;
  readonly #token: string;

  constructor(host: string, token: string) {
    this.#host = host;
    this.#token = token;
  }

  get url(): string {
    return `http://${this.#host}/${this.#token}/`;
  }

  /** What is asked for below the token, or undefined for a request that is not let in. */
  path(request: IncomingMessage): string | undefined {
    const { host, origin } = request.headers;
    if (host !== this.#host) return undefined;
    if (origin !== undefined && origin !== `http://${this.#host}`) return undefined;
    const [, token = "", ...rest] = (request.url ?? "").split("?", 1)[0]?.split("/") ?? [];
    return isSame(token, this.#token) && rest.length > 0 ? rest.join("/") : undefined;
  }
}

/** In a time that tells nothing of the token. */
function isSame(given: string, expected: string): boolean {
  const [one, other] = [given, expected].map((text) => createHash("sha256").update(text).digest());
  return one !== undefined && other !== undefined && timingSafeEqual(one, other);
}
