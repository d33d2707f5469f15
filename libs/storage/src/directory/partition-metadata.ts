import { isUuid, type Uuid } from '@millrace/foundation';

export const PARTITION_METADATA_FILE = 'partition.metadata';

export interface PartitionMetadata {
  readonly topicId: Uuid;
}

export function encodePartitionMetadata(metadata: PartitionMetadata): string {
  return `version: 0\ntopic_id: ${metadata.topicId}`;
}

/** Undefined for a text that is not of this form: the owner knows the id and writes it anew. */
export function decodePartitionMetadata(text: string): PartitionMetadata | undefined {
  const match = /^version: 0\r?\ntopic_id: (\S+)\s*$/.exec(text);
  const topicId = match?.[1];
  return topicId !== undefined && isUuid(topicId) ? { topicId } : undefined;
}
