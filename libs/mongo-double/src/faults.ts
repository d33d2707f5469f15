import { fieldsOf, isTrue, itemsOf, numberOf, textOf, type RawDocument } from './bson/raw-value.js';
import { badValue, notBuilt, ServerError } from './server-error.js';

/** What happens to commands, as MongoDB's own fail point `failCommand` has it; the same over the wire by `configureFailPoint`. */
export interface CommandFault {
  readonly commands: readonly string[];
  /** How often it strikes; absent: until `clear`. */
  readonly times?: number;
  /** How many matching commands pass before. */
  readonly skip?: number;
  readonly errorCode?: number;
  readonly errorLabels?: readonly string[];
  readonly closesConnection?: boolean;
  readonly delayMs?: number;
}

const CODE_NAMES: Readonly<Record<number, string>> = {
  43: 'CursorNotFound',
  91: 'ShutdownInProgress',
  136: 'CappedPositionLost',
  189: 'PrimarySteppedDown',
  280: 'ChangeStreamFatalError',
  286: 'ChangeStreamHistoryLost',
  10107: 'NotWritablePrimary',
  10334: 'BSONObjectTooLarge',
  11602: 'InterruptedDueToReplStateChange',
  13: 'Unauthorized',
};

export type Strike = { readonly closesConnection: boolean; readonly delayMs: number; readonly error: ServerError | undefined };

/** Faults that were asked for and have not struck often enough yet. */
export class Faults {
  private active: { readonly fault: CommandFault; left: number; skip: number }[] = [];

  add(fault: CommandFault): void {
    this.active.push({ fault, left: fault.times ?? Number.POSITIVE_INFINITY, skip: fault.skip ?? 0 });
  }

  clear(): void {
    this.active = [];
  }

  /** What is to happen to this command, if anything. */
  strike(name: string): Strike | undefined {
    const found = this.active.find((it) => it.left > 0 && it.fault.commands.includes(name));
    if (!found) return undefined;
    if (found.skip > 0) {
      found.skip -= 1;
      return undefined;
    }
    found.left -= 1;
    const { errorCode, errorLabels, closesConnection = false, delayMs = 0 } = found.fault;
    const codeName = CODE_NAMES[errorCode ?? 0] ?? 'Location';
    const error = errorCode === undefined ? undefined : new ServerError(errorCode, codeName, `Failing command via 'failCommand' failpoint: ${codeName}`, errorLabels ?? []);
    return { closesConnection, delayMs, error };
  }

  /** The command of MongoDB's test servers. */
  configure(command: RawDocument): void {
    if (textOf(command.get('configureFailPoint')) !== 'failCommand') throw notBuilt('fail points other than failCommand');
    const mode = command.get('mode');
    const data = fieldsOf(command.get('data')) ?? new Map();
    if (textOf(mode) === 'off') return this.clear();
    const counts = fieldsOf(mode);
    if (!counts && textOf(mode) !== 'alwaysOn') throw badValue('mode must be off, alwaysOn, {times} or {skip}');
    this.add({
      commands: itemsOf(data.get('failCommands')).map((it) => textOf(it)!),
      times: numberOf(counts?.get('times')),
      skip: numberOf(counts?.get('skip')),
      errorCode: numberOf(data.get('errorCode')),
      errorLabels: itemsOf(data.get('errorLabels')).map((it) => textOf(it)!),
      closesConnection: isTrue(data.get('closeConnection')),
      delayMs: isTrue(data.get('blockConnection')) ? numberOf(data.get('blockTimeMS')) : undefined,
    });
  }
}
