export interface Random {
  bytes(length: number): Uint8Array;
  /** Uniform in [0, bound). */
  integer(bound: number): number;
}
