import { PASSWORD_MASK } from '@millrace/connect-api';

const SECRET_MIN = 4;

/** Takes secrets out of text that others wrote: an endpoint may send back what it got (Invariant 5). */
export class Redaction {
  private readonly secrets = new Set<string>();

  add(...secrets: readonly (string | undefined)[]): void {
    for (const it of secrets) if (it !== undefined && it.length >= SECRET_MIN) this.secrets.add(it);
  }

  remove(secret: string): void {
    this.secrets.delete(secret);
  }

  /** Longer ones first: one may begin another. */
  apply(text: string): string {
    let result = text;
    for (const it of [...this.secrets].sort((a, b) => b.length - a.length)) result = result.replaceAll(it, PASSWORD_MASK);
    return result;
  }
}
