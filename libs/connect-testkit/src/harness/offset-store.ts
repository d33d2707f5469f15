import type { OffsetMap } from '@millrace/connect-api';
import { offsetFromText, offsetText } from './offset-text.js';

/** What is stored of one connector in the offset topic: texts by text, so that a task gets back what a real one would. */
export class OffsetStore {
  private readonly texts: Map<string, string>;

  constructor(texts: ReadonlyMap<string, string> = new Map()) {
    this.texts = new Map(texts);
  }

  get(partition: OffsetMap): OffsetMap | null {
    const text = this.texts.get(offsetText(partition));
    return text === undefined ? null : offsetFromText(text);
  }

  set(partition: OffsetMap, offset: OffsetMap): void {
    this.texts.set(offsetText(partition), offsetText(offset));
  }

  /** Offset texts by partition text. */
  entries(): ReadonlyMap<string, string> {
    return new Map(this.texts);
  }
}
