/** The connection has ended, as this side noticed or decided: trying again may help. */
export class ConnectionLost extends Error {
  static readonly CODE = 'CONNECTION_LOST';
  override readonly name = 'ConnectionLost';
  readonly code = ConnectionLost.CODE;
}
