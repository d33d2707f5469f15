import { ConfigError } from '@millrace/connect-api';
import { HeaderTemplate } from '../template/text-template.js';

/** Headers that the sink or the HTTP client writes itself. */
const OURS = new Set(['host', 'content-length', 'transfer-encoding', 'connection', 'keep-alive', 'upgrade', 'expect', 'te', 'trailer', 'content-type', 'content-encoding']);

const SECRET = /auth|token|secret|cookie|key|password|signature/i;

/** Whether a header of this name is taken to hold a secret: it is in no message, and goes to no other host. */
export function isSecretHeader(name: string): boolean {
  return SECRET.test(name);
}

/** `name:value` each. */
export function parseHeaders(items: readonly string[], setting: string): HeaderTemplate[] {
  return items
    .map((it) => it.trim())
    .filter((it) => it !== '')
    .map((item) => {
      const colon = item.indexOf(':');
      const name = item.slice(0, Math.max(colon, 0)).trim();
      const value = item.slice(colon + 1).trim();
      const refuse = (why: string): ConfigError => new ConfigError(`Invalid value for configuration ${setting}: ${why}`, setting);
      if (colon < 1 || !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) throw refuse('a header is not name:value');
      if (OURS.has(name.toLowerCase())) throw refuse(`the header ${name} has a setting of its own, or is the client's`);
       
      if (/[\u0000-\u0008\u000a-\u001f\u007f]/.test(value)) throw refuse(`the header ${name} holds a control character`);
      return new HeaderTemplate(name, value, setting);
    });
}
