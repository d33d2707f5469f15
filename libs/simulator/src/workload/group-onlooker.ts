import { ErrorCode, OffsetFetch, ProtocolError } from '@millrace/protocol';
import { isRetriable } from '@millrace/foundation';
import { Operator, type OperatorOptions } from './operator.js';

export interface GroupOnlookerOptions extends OperatorOptions {
  readonly group: string;
}

/** Somebody who is no member and wants to know how far a group is; now and then only what no transaction, and no commit under way, can change any more. What is told is judged on the wire. */
export class GroupOnlooker {
  private readonly operator: Operator;

  constructor(private readonly options: GroupOnlookerOptions) {
    const { world, cluster } = options;
    this.operator = new Operator({ world, cluster, host: 'onlooker', label: 'onlooker', chance: 'onlooker', pauseMs: { least: 50, spread: 500 }, step: () => this.step() });
  }

  start(): void {
    this.operator.start();
  }

  stop(): void {
    this.operator.stop();
  }

  private async step(): Promise<void> {
    const { group } = this.options;
    const { kafka, random } = this.operator;
    const nodeId = await kafka.coordinator(group);
    try {
      const response = await kafka.request(nodeId, OffsetFetch, () => ({ groups: [{ groupId: group, topics: null }], requireStable: random.chance(0.3) }), { versionMax: 9 });
      const errorCode = response.groups[0]?.errorCode ?? ErrorCode.NONE;
      if (errorCode !== ErrorCode.NONE) throw new ProtocolError(errorCode);
    } catch (error) {
      if (isRetriable(error)) kafka.forgetCoordinator(group);
      throw error;
    }
  }
}
