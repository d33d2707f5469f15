import { OperationalError, type BrokerId, type Uuid } from '@millrace/foundation';

export const META_PROPERTIES_FILE = 'meta.properties';

/** Whom a log directory belongs to. */
export interface MetaProperties {
  readonly clusterId: string;
  readonly nodeId: BrokerId;
  readonly directoryId: Uuid;
}

export function encodeMetaProperties(meta: MetaProperties): string {
  return `#\ncluster.id=${meta.clusterId}\ndirectory.id=${meta.directoryId}\nnode.id=${meta.nodeId}\nversion=1\n`;
}

/** Java's properties format, as far as these values need it. Throws `INVALID_META_PROPERTIES`. A directory that Kafka wrote before 3.7 has no id yet. */
export function decodeMetaProperties(text: string, path: string): Omit<MetaProperties, 'directoryId'> & { readonly directoryId: Uuid | undefined } {
  const values = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const match = /^\s*([^#!\s=:][^=:\s]*)\s*[=:]\s*(.*?)\s*$/.exec(line);
    if (match !== null) values.set(match[1] ?? '', (match[2] ?? '').replace(/\\(.)/g, '$1'));
  }
  const clusterId = values.get('cluster.id');
  const nodeId = Number(values.get('node.id'));
  if (values.get('version') !== '1' || clusterId === undefined || !values.has('node.id') || !Number.isInteger(nodeId)) {
    throw new OperationalError('INVALID_META_PROPERTIES', `${path} does not have version=1, cluster.id and node.id`);
  }
  return { clusterId, nodeId, directoryId: values.get('directory.id') };
}
