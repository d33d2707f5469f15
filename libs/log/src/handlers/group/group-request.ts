import type { GroupCaller, GroupCoordinator, GroupEffects, GroupReply } from '@millrace/coordinator';
import { ErrorCode } from '@millrace/protocol';
import type { RequestContext } from '@millrace/network';
import type { BrokerServices } from '../../broker/broker-services.js';

type ReplyOf<Api extends GroupReply['api']> = Extract<GroupReply, { readonly api: Api }>['response'];

export interface GroupQuestion<Api extends GroupReply['api']> {
  readonly api: Api;
  readonly groupId: string;
  readonly input: (coordinator: GroupCoordinator, caller: GroupCaller) => GroupEffects;
  /** The response that says this error, when the group is not served here (any more). */
  readonly failed: (errorCode: number) => ReplyOf<Api>;
}

/** Hands a request to the coordinator of its group and waits for the answer. */
export async function askGroup<Api extends GroupReply['api']>(services: BrokerServices, context: RequestContext, question: GroupQuestion<Api>): Promise<ReplyOf<Api>> {
  const driver = services.groups.driverFor(question.groupId);
  if (typeof driver === 'string') return question.failed(ErrorCode[driver]);
  const reply = await driver.ask(context, question.input);
  return reply === 'unloaded' ? question.failed(ErrorCode.NOT_COORDINATOR) : (reply.response as ReplyOf<Api>);
}
