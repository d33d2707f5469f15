import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { ConfigError } from '@millrace/connect-api';
import type { ParsedConfig } from './http-sink-settings.js';

/** The options of `tls.connect` that the settings ask for. Reads the files. */
export function tlsOptions(parsed: ParsedConfig): Record<string, unknown> {
  const options: Record<string, unknown> = {};
  const keystore = parsed['https.ssl.keystore.location'];
  const storePassword = parsed['https.ssl.keystore.password']?.reveal();
  const keyPassword = parsed['https.ssl.key.password']?.reveal() ?? storePassword;
  if (keystore !== null) {
    const bytes = read(keystore, 'https.ssl.keystore.location');
    if (parsed['https.ssl.keystore.type'].toUpperCase() === 'PKCS12') options.pfx = bytes;
    else options.cert = options.key = bytes;
  }
  const chain = parsed['https.ssl.keystore.certificate.chain'];
  const key = parsed['https.ssl.keystore.key'];
  if (chain !== null) options.cert = chain;
  if (key !== null) options.key = key.reveal();
  if (keyPassword !== undefined) options.passphrase = keyPassword;
  const truststore = parsed['https.ssl.truststore.location'];
  const authorities = parsed['https.ssl.truststore.certificates'] ?? (truststore === null ? undefined : read(truststore, 'https.ssl.truststore.location'));
  if (authorities !== undefined) options.ca = authorities;
  if (parsed['https.ssl.endpoint.identification.algorithm'] === '') options.checkServerIdentity = () => undefined;
  if (parsed['http.ssl.trust.all.certs']) options.rejectUnauthorized = false;
  try {
    createSecureContext(options);
  } catch (error) {
    throw new ConfigError(`Invalid value for configuration https.ssl.keystore.location: the certificates or the key cannot be used (${(error as { code?: string }).code ?? 'unknown format'})`, 'https.ssl.keystore.location');
  }
  return options;
}

function read(file: string, setting: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new ConfigError(`Invalid value ${file} for configuration ${setting}: it cannot be read (${(error as { code?: string }).code ?? 'unknown'})`, setting);
  }
}
