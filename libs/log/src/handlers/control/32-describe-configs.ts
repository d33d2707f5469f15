/**
 * DescribeConfigs, versions 1-4, of topics and brokers. Deviations: brokers show the properties that Millrace acts on, not those of Kafka that it has no use for; broker loggers,
 * client metrics and groups have none.
 */
import { CONFIG_RESOURCE_TYPES, CONFIG_SOURCES, CONFIG_TYPES, effectiveTopicConfigs, type EffectiveConfig } from '@millrace/metadata';
import { DescribeConfigs, ErrorCode, type DescribeConfigsRequest, type DescribeConfigsResponseInput } from '@millrace/protocol';
import { effectiveBrokerConfigs, isReadOnlyBrokerConfig } from '../../config/effective-broker-configs.js';
import { brokerApi } from '../broker-api.js';
import type { BrokerServices } from '../../broker/broker-services.js';

type Result = DescribeConfigsResponseInput.Result;
type Config = DescribeConfigsResponseInput.Config;

interface Wanted {
  readonly synonyms: boolean;
  readonly documentation: boolean;
}

export const describeConfigsApi = brokerApi(DescribeConfigs, (services) => (request) => {
  const wanted = { synonyms: request.includeSynonyms, documentation: request.includeDocumentation };
  return { results: request.resources.map((it) => describe(services, it, wanted)) };
});

function describe(services: BrokerServices, resource: DescribeConfigsRequest.Resource, wanted: Wanted): Result {
  const { resourceType, resourceName } = resource;
  const failed = (errorCode: number, errorMessage: string): Result => ({ errorCode, errorMessage, resourceType, resourceName, configs: [] });
  const found = (configs: readonly EffectiveConfig[], isReadOnly: (name: string) => boolean): Result => {
    const keys = resource.configurationKeys;
    const asked = keys === null ? configs : configs.filter((it) => keys.includes(it.key.name));
    return { resourceType, resourceName, configs: asked.map((it) => configOf(it, isReadOnly(it.key.name), wanted)) };
  };
  switch (resourceType) {
    case CONFIG_RESOURCE_TYPES.TOPIC:
      if (services.image.topic(resourceName) === undefined) return failed(services.topics.missingError(resourceName), 'This server does not host this topic-partition.');
      return found(effectiveTopicConfigs(services.image.configs('TOPIC', resourceName), services.configLayers()), () => false);
    case CONFIG_RESOURCE_TYPES.BROKER: {
      if (resourceName === '') return found(effectiveBrokerConfigs(services.configLayers()).flatMap(setForAllBrokers), () => false);
      if (resourceName !== String(services.brokerId)) return failed(ErrorCode.INVALID_REQUEST, `Unexpected broker id, expected ${services.brokerId} or empty string, but received ${resourceName}`);
      return found(effectiveBrokerConfigs(services.configLayers()), isReadOnlyBrokerConfig);
    }
    case CONFIG_RESOURCE_TYPES.BROKER_LOGGER:
    case CONFIG_RESOURCE_TYPES.CLIENT_METRICS:
    case CONFIG_RESOURCE_TYPES.GROUP:
      return { resourceType, resourceName, configs: [] };
    default:
      return failed(ErrorCode.INVALID_REQUEST, `Unsupported resource type: ${resourceType}`);
  }
}

/** What is set for all brokers: neither a broker's own value nor what would be without it. */
function setForAllBrokers(config: EffectiveConfig): EffectiveConfig[] {
  return config.synonyms.filter((it) => it.source === 'DYNAMIC_DEFAULT_BROKER').map((it) => ({ ...config, value: it.value, source: it.source, synonyms: [it] }));
}

function configOf({ key, value, source, synonyms }: EffectiveConfig, readOnly: boolean, wanted: Wanted): Config {
  const isSensitive = key.isSensitive === true;
  return {
    name: key.name,
    value: isSensitive ? null : value,
    readOnly,
    configSource: CONFIG_SOURCES[source],
    isSensitive,
    synonyms: wanted.synonyms ? synonyms.map((it) => ({ name: it.name, value: isSensitive ? null : it.value, source: CONFIG_SOURCES[it.source] })) : [],
    configType: CONFIG_TYPES[key.type],
    documentation: wanted.documentation ? key.documentation : null,
  };
}
