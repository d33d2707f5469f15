import { ErrorCode, OffsetFetch, ProtocolError } from '@millrace/protocol';
import { isRetriable } from '@millrace/foundation';
import { Operator, type OperatorOptions } from './operator.js';

export interface GroupOnlookerOptions extends OperatorOptions {
  readonly group: string;
}

/** Somebody who is no member and wants to know how far a group is; now and then only what no transaction, and no commit under way, can change any more. What is told is judged on the wire. */
export class GroupOnlooker extends Operator<GroupOnlookerOptions> {
  constructor(options: GroupOnlookerOptions) {
    super(options, { host: 'onlooker', label: 'onlooker', chance: 'onlooker', pauseMs: { least: 50, spread: 500 } });
  }

  protected async step(): Promise<void> {
    const { group } = this.options;
    const nodeId = await this.kafka.coordinator(group);
    try {
      const response = await this.kafka.request(nodeId, OffsetFetch, () => ({ groups: [{ groupId: group, topics: null }], requireStable: this.random.chance(0.3) }), { versionMax: 9 });
      const errorCode = response.groups[0]?.errorCode ?? ErrorCode.NONE;
      if (errorCode !== ErrorCode.NONE) throw new ProtocolError(errorCode);
    } catch (error) {
      if (isRetriable(error)) this.kafka.forgetCoordinator(group);
      throw error;
    }
  }
}
