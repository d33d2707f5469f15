/** What the controller calls. */
export const JOBS = Symbol('Jobs');
