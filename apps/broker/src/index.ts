export { startBrokerApp, type BrokerApp, type BrokerAppOptions } from './broker-app.js';
export { formatByFlags, type FormatFlags } from './format.js';
