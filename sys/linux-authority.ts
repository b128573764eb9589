import type { TlsMaterial } from "./http.ts";

/**
 * Whom to believe, in so many words: where no authority is named the environment adds some (NODE_EXTRA_CA_CERTS,
 * SSL_CERT_FILE). Without one of the configuration's it is those that the executable brings along.
 */
export async function withAuthority(url: string, tls: TlsMaterial): Promise<TlsMaterial> {
  if (tls.ca !== undefined || !url.startsWith("https:")) return tls;
  const { rootCertificates } = await import("node:tls");
  return { ...tls, ca: rootCertificates.join("\n") };
}
