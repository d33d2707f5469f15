import type { ConnectRecord, Predicate, Transformation } from '@millrace/connect-api';
import type { TransformationSpec } from '../isolation/task-protocol.js';
import { loadPredicate, loadTransformation } from '../plugins/load-plugin.js';

interface Step {
  readonly className: string;
  readonly transformation: Transformation;
  readonly predicate: Predicate | undefined;
  readonly isNegated: boolean;
}

/** The transformations of one task, in their order. */
export class TransformationChain {
  /** Of the step that ran last: the one at fault when `apply` throws. */
  className = '';
  private readonly steps: readonly Step[];

  /** Loads and configures the plugins; throws what they throw. */
  constructor(specs: readonly TransformationSpec[]) {
    this.steps = specs.map(({ plugin, config, predicate }) => {
      const transformation = loadTransformation(plugin);
      transformation.configure(config);
      const condition = predicate === null ? undefined : loadPredicate(predicate.plugin);
      if (predicate !== null) condition?.configure(predicate.config);
      return { className: plugin.class, transformation, predicate: condition, isNegated: predicate?.isNegated ?? false };
    });
  }

  get isEmpty(): boolean {
    return this.steps.length === 0;
  }

  /** Null: a step has dropped the record. */
  apply(record: ConnectRecord): ConnectRecord | null {
    let current = record;
    for (const { className, transformation, predicate, isNegated } of this.steps) {
      this.className = className;
      if (predicate !== undefined && predicate.test(current) === isNegated) continue;
      const next = transformation.apply(current);
      if (next === null) return null;
      current = next;
    }
    return current;
  }

  close(): void {
    for (const { transformation, predicate } of this.steps) {
      transformation.close();
      predicate?.close();
    }
  }
}
