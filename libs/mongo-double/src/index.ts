export { MongoDouble, type MongoDoubleOptions } from './mongo-double.js';
export type { CommandFault } from './faults.js';
