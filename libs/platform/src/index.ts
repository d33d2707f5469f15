export { nodeCodecs } from './node-codecs.js';
export { crc32c, tableCrc32c } from './codecs/crc32c.js';
export { systemClock } from './system-clock.js';
export { systemRandom } from './system-random.js';
export { timerScheduler } from './timer-scheduler.js';
