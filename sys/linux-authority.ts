import type { TlsMaterial } from "./http.ts";

/**
 * Every request names the trusted authorities. If one named none, the environment would add some
 * (NODE_EXTRA_CA_CERTS, SSL_CERT_FILE). Without an authority in the configuration, those of the executable are trusted.
 */
export async function withAuthority(url: string, tls: TlsMaterial): Promise<TlsMaterial> {
  if (tls.ca !== undefined || !url.startsWith("https:")) return tls;
  const { rootCertificates } = await import("node:tls");
  return { ...tls, ca: rootCertificates.join("\n") };
}
