import { ConnectError } from '@millrace/connect-api';
import type { ChangeEvent } from './change-event.js';

/** Puts events together that the server has split (`$changeStreamSplitLargeEvent`). */
export class Fragments {
  private begun: ChangeEvent | undefined;
  private next = 1;

  /** The whole event, or undefined until its last fragment has come. */
  take(event: ChangeEvent): ChangeEvent | undefined {
    const { fragment } = event;
    if (!fragment) {
      if (this.begun) throw new ConnectError('The server has sent the first fragments of a change event, but not its last');
      return event;
    }
    if (fragment.number !== this.next) throw new ConnectError(`The server has sent fragment ${fragment.number} of a change event where fragment ${this.next} was expected`);
    if (this.begun) this.begun.merge(event);
    else this.begun = event;
    this.next += 1;
    if (fragment.number < fragment.of) return undefined;
    const whole = this.begun;
    this.begun = undefined;
    this.next = 1;
    return whole;
  }

  get isEmpty(): boolean {
    return this.begun === undefined;
  }
}
