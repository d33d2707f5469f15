import { ErrorCode } from '@millrace/protocol';

/** APIs of the quorum itself say it in their own way. */
const QUORUM_APIS: readonly number[] = [55, 80, 81];

/** Whether any part of the response says that the node that gave it is not the active controller. */
export function isFromInactive(response: unknown, apiKey: number): boolean {
  const codes: readonly number[] = QUORUM_APIS.includes(apiKey) ? [ErrorCode.NOT_CONTROLLER, ErrorCode.NOT_LEADER_OR_FOLLOWER] : [ErrorCode.NOT_CONTROLLER];
  const hasCode = (part: unknown, depth: number): boolean => {
    if (typeof part !== 'object' || part === null || depth > 2) return false;
    const { errorCode } = part as { readonly errorCode?: unknown };
    if (typeof errorCode === 'number' && codes.includes(errorCode)) return true;
    // The first item tells: the whole request was refused.
    return Object.values(part).some((it) => Array.isArray(it) && hasCode(it[0], depth + 1));
  };
  return hasCode(response, 0);
}
