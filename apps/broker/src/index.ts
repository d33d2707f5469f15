export { startBrokerApp, type BrokerApp, type BrokerAppOptions } from './broker-app.js';
