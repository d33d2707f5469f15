import type { ProducerId } from '@millrace/foundation';
import { AllocateProducerIds, ErrorCode, ProtocolError } from '@millrace/protocol';
import type { ControllerChannel } from '../controller/controller-channel.js';

/** Producer ids for this broker's clients, out of blocks that the controller hands out; no id is given twice, by any broker. */
export class ProducerIds {
  private next: ProducerId = 0;
  private end: ProducerId = 0;
  private asking: Promise<void> | undefined;

  constructor(
    private readonly controller: ControllerChannel,
    private readonly identity: () => { readonly brokerId: number; readonly brokerEpoch: number },
  ) {}

  /** Rejects with a ProtocolError when the controller gives no block, or with `NO_CONTROLLER`. */
  async take(): Promise<ProducerId> {
    while (this.next >= this.end) {
      this.asking ??= this.askForBlock().finally(() => (this.asking = undefined));
      await this.asking;
    }
    return this.next++;
  }

  private async askForBlock(): Promise<void> {
    const block = await this.controller.request(AllocateProducerIds, this.identity());
    if (block.errorCode !== ErrorCode.NONE) throw new ProtocolError(block.errorCode);
    this.next = block.producerIdStart;
    this.end = this.next + block.producerIdLen;
  }
}
