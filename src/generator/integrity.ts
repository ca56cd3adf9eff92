import { check } from "../check.js";

const FORM = /^sha256-[A-Za-z0-9+/]{43}=$/;

/** Throws, before anything is loaded, unless an integrity is one and can be checked here. */
export function checkIntegrity(where: string, integrity: unknown): void {
  if (integrity === undefined) return;
  const isOne = typeof integrity === "string" && FORM.test(integrity);
  check(isOne, where, 'integrity to be "sha256-" and 44 characters of base64', integrity);
  const { subtle } = (globalThis as { readonly crypto?: Partial<Crypto> }).crypto ?? {};
  const expected = "crypto.subtle to check the integrity with, which pages have over https and on localhost";
  check(subtle !== undefined, where, expected, "none");
}

/** The SHA-256 of bytes, as the attribute `integrity` of HTML has it (W3C Subresource Integrity, Section 3.1). */
export async function integrityOf(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return `sha256-${btoa(String.fromCharCode(...hash))}`;
}
