import { collisionForm } from '../topic-name.js';

/** The names that are taken, in the form in which they collide. A log of another program may hold names that collide already. */
export class TopicNames {
  private readonly byForm = new Map<string, Set<string>>();

  add(name: string): void {
    const form = collisionForm(name);
    const names = this.byForm.get(form);
    if (names === undefined) this.byForm.set(form, new Set([name]));
    else names.add(name);
  }

  delete(name: string): void {
    const form = collisionForm(name);
    const names = this.byForm.get(form);
    names?.delete(name);
    if (names?.size === 0) this.byForm.delete(form);
  }

  /** A topic whose name collides with this one. */
  rivalOf(name: string): string | undefined {
    return this.byForm.get(collisionForm(name))?.values().next().value;
  }
}
