import { createHash } from 'node:crypto';
import { build, fieldsOf, isTrue, longOf, type RawDocument } from '../bson/raw-value.js';
import { ServerError } from '../server-error.js';
import type { Store } from '../store/store.js';
import { DirectWorkspace, Transaction, type Workspace } from '../store/workspace.js';
import type { Answer } from './command.js';

interface Session {
  transaction: { readonly txnNumber: bigint; readonly workspace: Transaction } | undefined;
  /** The last committed transaction, so that a commit that is sent again is answered again. */
  committed: bigint | undefined;
  /** The answer of the last retryable write. */
  retry: { readonly txnNumber: bigint; readonly answer: Answer } | undefined;
}

const NO_USER = createHash('sha256').update('').digest();

/** Logical sessions: transactions, and writes that a driver sends again after a lost connection. */
export class Sessions {
  private readonly sessions = new Map<string, Session>();

  constructor(private readonly store: Store) {}

  /** Where a command works, by its session fields. */
  workspace(command: RawDocument): Workspace {
    const txnNumber = longOf(command.get('txnNumber'));
    const session = this.session(command);
    if (txnNumber === undefined || command.get('autocommit') === undefined || !session) return new DirectWorkspace(this.store);
    if (isTrue(command.get('startTransaction'))) {
      const id = fieldsOf(command.get('lsid'))!.get('id')!;
      const lsid = build({ id, uid: NO_USER });
      session.transaction = { txnNumber, workspace: new Transaction(this.store, { lsid, txnNumber }) };
    }
    if (session.transaction?.txnNumber !== txnNumber) throw new ServerError(251, 'NoSuchTransaction', `Given transaction number ${txnNumber} does not match any in-progress transactions.`, ['TransientTransactionError']);
    return session.transaction.workspace;
  }

  commit(command: RawDocument): Answer {
    const session = this.session(command);
    const txnNumber = longOf(command.get('txnNumber'));
    if (session?.committed === txnNumber && txnNumber !== undefined) return {};
    const { transaction } = session ?? {};
    if (!session || transaction?.txnNumber !== txnNumber || !transaction) throw new ServerError(251, 'NoSuchTransaction', 'Transaction was aborted', ['TransientTransactionError']);
    transaction.workspace.commit();
    session.transaction = undefined;
    session.committed = txnNumber;
    return {};
  }

  abort(command: RawDocument): Answer {
    const session = this.session(command);
    if (!session?.transaction) throw new ServerError(251, 'NoSuchTransaction', 'Transaction was aborted');
    session.transaction = undefined;
    return {};
  }

  /** The answer that was given to this retryable write before, if it is a second try. */
  earlierAnswer(command: RawDocument): Answer | undefined {
    const txnNumber = longOf(command.get('txnNumber'));
    const retry = this.session(command)?.retry;
    return txnNumber !== undefined && retry?.txnNumber === txnNumber && !command.has('autocommit') ? retry.answer : undefined;
  }

  remember(command: RawDocument, answer: Answer): void {
    const txnNumber = longOf(command.get('txnNumber'));
    const session = this.session(command);
    if (session && txnNumber !== undefined && !command.has('autocommit')) session.retry = { txnNumber, answer };
  }

  end(command: RawDocument): Answer {
    for (const lsid of fieldsOf({ type: 3, bytes: command.get('endSessions')!.bytes })!.values()) this.sessions.delete(lsid.bytes.toString('hex'));
    return {};
  }

  private session(command: RawDocument): Session | undefined {
    const lsid = command.get('lsid');
    if (!lsid) return undefined;
    const key = lsid.bytes.toString('hex');
    const found = this.sessions.get(key) ?? { transaction: undefined, committed: undefined, retry: undefined };
    this.sessions.set(key, found);
    return found;
  }
}
