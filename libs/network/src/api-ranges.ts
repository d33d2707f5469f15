import { ErrorCode, ProtocolError, type ApiVersionsResponse } from '@millrace/protocol';

export interface ApiVersionSpan {
  readonly name: string;
  readonly apiKey: number;
  readonly minVersion: number;
  readonly maxVersion: number;
}

/** What a broker said that it can speak. */
export class ApiRanges {
  private readonly ranges = new Map<number, { readonly min: number; readonly max: number }>();

  constructor(response: Pick<ApiVersionsResponse, 'apiKeys'>) {
    for (const { apiKey, minVersion, maxVersion } of response.apiKeys) this.ranges.set(apiKey, { min: minVersion, max: maxVersion });
  }

  /** The highest version that both sides have, up to `versionMax`. Throws ProtocolError UNSUPPORTED_VERSION when there is none. */
  versionFor(api: ApiVersionSpan, versionMax = api.maxVersion): number {
    const range = this.ranges.get(api.apiKey);
    if (range === undefined) throw new ProtocolError(ErrorCode.UNSUPPORTED_VERSION, `The broker does not support ${api.name}`);
    const version = Math.min(versionMax, api.maxVersion, range.max);
    if (version < Math.max(api.minVersion, range.min)) {
      throw new ProtocolError(ErrorCode.UNSUPPORTED_VERSION, `The broker supports ${api.name} ${range.min} to ${range.max}, this client ${api.minVersion} to ${Math.min(versionMax, api.maxVersion)}`);
    }
    return version;
  }

  supports(api: ApiVersionSpan): boolean {
    const range = this.ranges.get(api.apiKey);
    return range !== undefined && range.max >= api.minVersion && range.min <= api.maxVersion;
  }
}
