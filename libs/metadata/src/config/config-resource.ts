/** What settings can be given to, as Kafka numbers them. */
export const CONFIG_RESOURCE_TYPES = { TOPIC: 2, BROKER: 4, BROKER_LOGGER: 8, CLIENT_METRICS: 16, GROUP: 32 } as const;
export type ConfigResourceType = keyof typeof CONFIG_RESOURCE_TYPES;

const BY_CODE = new Map<number, ConfigResourceType>(Object.entries(CONFIG_RESOURCE_TYPES).map(([name, code]) => [code, name as ConfigResourceType]));

export function configResourceTypeOf(code: number): ConfigResourceType | undefined {
  return BY_CODE.get(code);
}

export function configResourceKey(type: ConfigResourceType, name: string): string {
  return `${type} ${name}`;
}
