/**
 * ApiVersions, versions 0-4. An unknown version is answered by the network layer, in version 0. Deviations: no feature is finalized but metadata.version, because none of
 * the features that others stand for (transactions v2, the consumer group protocol) is built.
 */
import { SUPPORTED_FEATURES } from '@millrace/metadata';
import { ApiVersions, ErrorCode, type ApiVersionsResponseInput } from '@millrace/protocol';
import { brokerApi, type BrokerApi } from '../broker-api.js';

const CLIENT_INFO_SINCE_VERSION = 3;
const MIN_LEVEL_ZERO_SINCE_VERSION = 4;
const CLIENT_INFO = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/;

/** `apis` is everything that the broker answers, this one included. */
export function apiVersionsApi(apis: () => readonly BrokerApi[]): BrokerApi {
  return brokerApi(ApiVersions, (services) => (request, context): ApiVersionsResponseInput => {
    if (context.apiVersion >= CLIENT_INFO_SINCE_VERSION) {
      const { clientSoftwareName: name, clientSoftwareVersion: version } = request;
      if (!CLIENT_INFO.test(name) || !CLIENT_INFO.test(version)) return { errorCode: ErrorCode.INVALID_REQUEST, apiKeys: [] };
      context.connection.clientSoftware = { name, version };
    }
    return {
      apiKeys: apis().map((it) => ({ apiKey: it.api.apiKey, minVersion: it.minVersion, maxVersion: it.maxVersion })),
      supportedFeatures: SUPPORTED_FEATURES.filter((it) => it.minSupportedVersion > 0 || context.apiVersion >= MIN_LEVEL_ZERO_SINCE_VERSION).map((it) => ({
        name: it.name,
        minVersion: it.minSupportedVersion,
        maxVersion: it.maxSupportedVersion,
      })),
      finalizedFeaturesEpoch: services.image.lastOffset,
      finalizedFeatures: [...services.image.featureLevels].map(([name, level]) => ({ name, maxVersionLevel: level, minVersionLevel: level })),
    };
  });
}
