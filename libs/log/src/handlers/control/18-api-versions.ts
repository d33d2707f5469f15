/**
 * ApiVersions, versions 0-4. An unknown version is answered by the network layer, in version 0. Deviations: no feature is finalized but metadata.version, because none of
 * the features that others stand for (transactions v2, the consumer group protocol) is built.
 */
import { SUPPORTED_FEATURES, type MetadataImage } from '@millrace/metadata';
import type { RequestContext } from '@millrace/network';
import { ApiVersions, ErrorCode, type ApiVersionsRequest, type ApiVersionsResponseInput } from '@millrace/protocol';
import { KRAFT_VERSIONS } from '../../kraft-versions.js';
import { brokerApi, type BrokerApi, type ServedApi } from '../broker-api.js';

const CLIENT_INFO_SINCE_VERSION = 3;
const MIN_LEVEL_ZERO_SINCE_VERSION = 4;
const CLIENT_INFO = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/;

/** `apis` is everything that the broker answers, this one included. */
export function apiVersionsApi(apis: () => readonly BrokerApi[]): BrokerApi {
  return brokerApi(ApiVersions, (services) => apiVersionsHandler(services, apis));
}

/** What any listener answers; `image` and the quorum say which features are finalized. */
export function apiVersionsHandler({ image, kRaftVersion }: { readonly image: MetadataImage; readonly kRaftVersion: () => number }, apis: () => readonly ServedApi<never>[]): (request: ApiVersionsRequest, context: RequestContext) => ApiVersionsResponseInput {
  return (request, context) => {
    if (context.apiVersion >= CLIENT_INFO_SINCE_VERSION) {
      const { clientSoftwareName: name, clientSoftwareVersion: version } = request;
      if (!CLIENT_INFO.test(name) || !CLIENT_INFO.test(version)) return { errorCode: ErrorCode.INVALID_REQUEST, apiKeys: [] };
      context.connection.clientSoftware = { name, version };
    }
    return {
      apiKeys: apis().map((it) => ({ apiKey: it.api.apiKey, minVersion: it.minVersion, maxVersion: it.maxVersion })),
      supportedFeatures: [...SUPPORTED_FEATURES, KRAFT_VERSIONS]
        .filter((it) => it.minSupportedVersion > 0 || context.apiVersion >= MIN_LEVEL_ZERO_SINCE_VERSION)
        .map((it) => ({ name: it.name, minVersion: it.minSupportedVersion, maxVersion: it.maxSupportedVersion })),
      finalizedFeaturesEpoch: image.lastOffset,
      finalizedFeatures: [...image.featureLevels, [KRAFT_VERSIONS.name, kRaftVersion()] as const].filter(([, level]) => level > 0).map(([name, level]) => ({ name, maxVersionLevel: level, minVersionLevel: level })),
    };
  };
}
