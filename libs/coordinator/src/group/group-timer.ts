/** What a timer of a group is for. */
export type GroupTimer =
  | { readonly kind: 'session'; readonly groupId: string; readonly memberId: string }
  | { readonly kind: 'join'; readonly groupId: string }
  | { readonly kind: 'initial-join'; readonly groupId: string; readonly delayMs: number; readonly remainingMs: number }
  | { readonly kind: 'sync'; readonly groupId: string; readonly generationId: number }
  | { readonly kind: 'expire-offsets' };

/** Lengths first, so that no two pairs of ids make the same key. */
export function sessionKey(groupId: string, memberId: string): string {
  return `session ${groupId.length} ${groupId} ${memberId}`;
}

/** Both kinds of join timers share the key: a group waits for one of them at a time. */
export function joinKey(groupId: string): string {
  return `join ${groupId}`;
}

export function syncKey(groupId: string): string {
  return `sync ${groupId}`;
}

export const EXPIRE_OFFSETS_KEY = 'expire-offsets';
