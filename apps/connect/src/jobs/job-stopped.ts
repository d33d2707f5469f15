/** Why a running job was told to end before it was done. */
export class JobStopped extends Error {
  override readonly name = 'JobStopped';

  constructor(readonly why: 'cancelled' | 'worker stops' | 'taken over') {
    super(`the job was stopped: ${why}`);
  }
}
