export { startConnectApp, type ConnectApp, type ConnectAppOptions } from './connect-app.js';
export { VERSION } from './version.js';
