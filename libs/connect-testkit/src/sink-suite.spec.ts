import { memorySink } from '../test/memory-sink.js';
import { describeSinkConnector } from './index.js';

describeSinkConnector(memorySink());
