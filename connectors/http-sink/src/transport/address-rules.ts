import { isIP } from 'node:net';

export interface AddressSettings {
  /** Refuses private, loopback and other addresses that are not of the public internet. */
  readonly denyPrivate: boolean;
  /** Host names, `*.domain`, addresses or networks: nothing else is reached. Empty: no such limit. */
  readonly allowedHosts: readonly string[];
  /** Networks that are never refused by their address. */
  readonly allowedAddresses: readonly string[];
  /** A proxy resolves the names: only what stands in a URL can be judged. */
  readonly isResolvedElsewhere?: boolean;
}

interface Network {
  readonly bytes: readonly number[];
  readonly bits: number;
}

/** Refused always: addresses of the link (with them the metadata services of clouds), other metadata services, groups, broadcast. */
const ALWAYS = networks('169.254.0.0/16', 'fe80::/10', 'fd00:ec2::254/128', '100.100.100.200/32', '168.63.129.16/32', '192.0.0.192/32', '224.0.0.0/4', '255.255.255.255/32', 'ff00::/8');
const PRIVATE = networks(
  '0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '172.16.0.0/12', '192.0.0.0/24', '192.0.2.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '240.0.0.0/4',
  '::/127', 'fc00::/7', 'fec0::/10', '2001:db8::/32', '100::/64', '64:ff9b:1::/48',
);
/** Names of metadata services, for the case that a proxy resolves them. */
const METADATA_NAMES = new Set(['metadata.google.internal', 'metadata.goog', 'instance-data', 'instance-data.ec2.internal']);

/** Which hosts and addresses may be reached (Invariant 4). Pure: resolving is the caller's. */
export class AddressRules {
  private readonly allowedNames: readonly string[];
  private readonly allowedHostNetworks: readonly Network[];
  private readonly exempt: readonly Network[];

  constructor(private readonly settings: AddressSettings) {
    this.allowedHostNetworks = settings.allowedHosts.flatMap((it) => parseNetwork(it) ?? []);
    this.allowedNames = settings.allowedHosts.filter((it) => !parseNetwork(it)).map((it) => it.toLowerCase().replace(/\.$/, ''));
    this.exempt = settings.allowedAddresses.flatMap((it) => parseNetwork(it) ?? []);
  }

  /** What is wrong with a host as a URL names it, before it is resolved. */
  refusesHost(hostname: string): string | undefined {
    const host = hostname.toLowerCase().replace(/\.$/, '');
    const address = host.startsWith('[') ? host.slice(1, -1) : host;
    if (isIP(address) !== 0) return this.refusesAddress(address, host);
    if (METADATA_NAMES.has(host) && this.exempt.length === 0) return `${host} is a metadata service`;
    if (this.settings.allowedHosts.length === 0 || this.allowsName(host) || (this.allowedHostNetworks.length > 0 && !this.settings.isResolvedElsewhere)) return undefined;
    return `${host} is not among http.allowed.hosts`;
  }

  /** What is wrong with an address that a host has. */
  refusesAddress(address: string, hostname: string): string | undefined {
    const bytes = addressBytes(address);
    if (!bytes) return `${address} is not an address`;
    const host = hostname.toLowerCase().replace(/\.$/, '');
    if (this.settings.allowedHosts.length > 0 && !this.allowsName(host) && !this.allowedHostNetworks.some((it) => contains(it, bytes))) return `${host} is not among http.allowed.hosts`;
    const forms = [bytes, ...embedded(bytes)];
    if (forms.some((form) => this.exempt.some((it) => contains(it, form)))) return undefined;
    if (forms.some((form) => ALWAYS.some((it) => contains(it, form)))) return `${hostname} is at a link-local, metadata or multicast address`;
    if (this.settings.denyPrivate && forms.some((form) => PRIVATE.some((it) => contains(it, form)))) return `${hostname} is at a private address`;
    return undefined;
  }

  private allowsName(host: string): boolean {
    return this.allowedNames.some((it) => (it.startsWith('*.') ? host.endsWith(it.slice(1)) : host === it));
  }
}

/** `address` or `address/bits`; undefined if it is neither. */
export function parseNetwork(text: string): Network | undefined {
  const [address = '', bitsText] = text.trim().split('/');
  const bytes = addressBytes(address.startsWith('[') ? address.slice(1, -1) : address);
  if (!bytes) return undefined;
  const bits = bitsText === undefined ? bytes.length * 8 : /^\d+$/.test(bitsText) ? Number(bitsText) : -1;
  return bits < 0 || bits > bytes.length * 8 ? undefined : { bytes, bits };
}

function networks(...texts: string[]): Network[] {
  return texts.flatMap((it) => parseNetwork(it) ?? []);
}

function contains({ bytes, bits }: Network, address: readonly number[]): boolean {
  if (bytes.length !== address.length) return false;
  const whole = bits >> 3;
  for (let i = 0; i < whole; i++) if (bytes[i] !== address[i]) return false;
  const rest = bits & 7;
  return rest === 0 || ((bytes[whole]! ^ address[whole]!) & (0xff << (8 - rest)) & 0xff) === 0;
}

/** 4 or 16 bytes; undefined for what is no address. */
function addressBytes(text: string): number[] | undefined {
  const kind = isIP(text);
  if (kind === 4) return text.split('.').map(Number);
  if (kind !== 6) return undefined;
  let groups = text.split('%')[0] ?? '';
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(groups);
  if (dotted) {
    const [a = 0, b = 0, c = 0, d = 0] = (dotted[2] ?? '').split('.').map(Number);
    groups = `${dotted[1]}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  }
  const [head = '', tail] = groups.split('::');
  const words = (part: string): number[] => (part === '' ? [] : part.split(':').map((it) => parseInt(it, 16)));
  const left = words(head);
  const right = tail === undefined ? [] : words(tail);
  const filled = tail === undefined ? left : [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right];
  return filled.flatMap((it) => [it >> 8, it & 0xff]);
}

/** The IPv4 addresses that an IPv6 address stands for: mapped, compatible, NAT64, 6to4, Teredo. */
function embedded(bytes: readonly number[]): number[][] {
  if (bytes.length !== 16) return [];
  const last = bytes.slice(12);
  const startsWith = (network: string): boolean => networks(network).some((it) => contains(it, bytes));
  if (startsWith('::ffff:0:0/96') || startsWith('64:ff9b::/96') || startsWith('::ffff:0:0:0/96')) return [last];
  if (startsWith('::/96') && !startsWith('::/127')) return [last];
  if (startsWith('2002::/16')) return [bytes.slice(2, 6)];
  if (startsWith('2001::/32')) return [last.map((it) => it ^ 0xff)];
  return [];
}
