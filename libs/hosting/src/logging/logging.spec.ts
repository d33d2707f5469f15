import { loggingFromEnvironment } from './logging-from-environment.js';
import { createLogging } from './pino-logger.js';

describe('logging', () => {
  it('writes a line for each enabled level, by the logger it comes from', () => {
    const lines: Record<string, unknown>[] = [];
    const { logger, levels } = createLogging({ destination: { write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>) } });
    const task = logger.child({ logger: 'connect.task', connector: 'c' });
    task.debug({}, 'hidden');
    expect(levels.set('connect', 'DEBUG', 5)).toEqual(['connect']);
    task.debug({ lag: 3 }, 'shown');
    logger.debug({}, 'still hidden');
    logger.error({ err: Object.assign(new Error('broken'), { code: 'X' }) }, 'failed');
    expect(lines.map((it) => [it.level, it.msg])).toEqual([['debug', 'shown'], ['error', 'failed']]);
    expect(lines[0]).toMatchObject({ connector: 'c', lag: 3 });
    expect(lines[1]?.err).toMatchObject({ message: 'broken', code: 'X' });
  });

  it('sets all below a logger, and root means all', () => {
    const { levels } = createLogging({ destination: { write: () => undefined } });
    levels.set('a.b', 'WARN', 1);
    expect(levels.set('a', 'ERROR', 2)).toEqual(['a', 'a.b']);
    expect(levels.isEnabled('a.b.c', 'WARN')).toBe(false);
    expect(levels.set('root', 'TRACE', 3)).toEqual(['a', 'a.b', 'root']);
    expect(levels.isEnabled('a.b.c', 'TRACE')).toBe(true);
  });

  it('refuses a level that is none', () => {
    expect(loggingFromEnvironment('test', { LOG_LEVEL: 'warn' }).levels.get('root')?.level).toBe('WARN');
    expect(() => loggingFromEnvironment('test', { LOG_LEVEL: 'loud' })).toThrow('Invalid value LOUD for LOG_LEVEL');
  });
});
