import { memorySource, type SourceFault } from '../test/memory-source.js';
import { describeSourceConnector, sourceChecks } from './index.js';

describeSourceConnector(memorySource());
