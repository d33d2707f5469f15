import { topicPartitionName, type Random, type TopicPartition } from '@millrace/foundation';

const DELETE_SUFFIX = '-delete';
const FUTURE_SUFFIX = '-future';
const NAME_BYTES_MAX = 255;

export type FolderKind = { readonly kind: 'partition' } & TopicPartition | { readonly kind: 'deleted' } | { readonly kind: 'future' } & TopicPartition | { readonly kind: 'stray' } | { readonly kind: 'other' };

/** What a folder of a log directory is, by its name. */
export function folderKind(name: string): FolderKind {
  if (name.endsWith(DELETE_SUFFIX) && name.includes('.')) return { kind: 'deleted' };
  if (name.endsWith(FUTURE_SUFFIX) && name.includes('.')) {
    const partition = folderKind(name.slice(0, name.lastIndexOf('.')));
    return partition.kind === 'partition' ? { ...partition, kind: 'future' } : { kind: 'other' };
  }
  if (name.endsWith('-stray') && name.includes('.')) return { kind: 'stray' };
  const match = /^([a-zA-Z0-9._-]{1,249})-(\d{1,10})$/.exec(name);
  return match === null ? { kind: 'other' } : { kind: 'partition', topic: match[1] ?? '', partition: Number(match[2]) };
}

/** The name under which a removed partition waits for its end: unlike that of a new partition of the same topic. */
export function deletedFolderName(partition: TopicPartition, random: Random): string {
  const suffix = uniqueSuffix(random, DELETE_SUFFIX);
  return topicPartitionName(partition).slice(0, NAME_BYTES_MAX - suffix.length) + suffix;
}

/** The name of a log that is to take the partition's place; undefined for a topic whose name leaves no room for it. */
export function futureFolderName(partition: TopicPartition, random: Random): string | undefined {
  const name = topicPartitionName(partition) + uniqueSuffix(random, FUTURE_SUFFIX);
  return name.length > NAME_BYTES_MAX ? undefined : name;
}

function uniqueSuffix(random: Random, suffix: string): string {
  return `.${Buffer.from(random.bytes(16)).toString('hex')}${suffix}`;
}
