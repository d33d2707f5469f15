import { Body, Controller, Get, Inject, Param, Put, Query } from '@nestjs/common';
import { ConnectRestError } from '@millrace/connect-runtime';
import { LOG_LEVELS, LogLevels, type LoggerLevel, type LogLevel } from '@millrace/hosting';
import { jsonBody } from './json-body.js';
import { LOG_LEVEL_REGISTRY } from './tokens.js';

interface LoggerLevelInfo {
  readonly level: string;
  readonly last_modified: number | null;
}

/** This worker's log levels (KIP-495). */
@Controller('admin/loggers')
export class LoggersController {
  constructor(@Inject(LOG_LEVEL_REGISTRY) private readonly levels: LogLevels) {}

  @Get()
  list(): Record<string, LoggerLevelInfo> {
    return Object.fromEntries([...this.levels.all()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, level]) => [name, info(level)]));
  }

  @Get(':logger')
  get(@Param('logger') name: string): LoggerLevelInfo {
    const level = this.levels.get(name);
    if (!level) throw new ConnectRestError('NOT_FOUND', 404, `Logger ${name} not found.`);
    return info(level);
  }

  /** Answers the names of the loggers whose level is another one now. */
  @Put(':logger')
  async set(@Param('logger') name: string, @Body() body: unknown, @Query('scope') scope?: string): Promise<string[]> {
    const { level } = await jsonBody('configBody', body);
    if (level === undefined || level === null) throw new ConnectRestError('BAD_REQUEST', 400, "Desired 'level' parameter was not specified in request.");
    const wanted = LOG_LEVELS.find((it) => it === level.toUpperCase());
    if (!wanted) throw new ConnectRestError('NOT_FOUND', 404, `invalid log level '${level}'.`);
    if (scope?.toLowerCase() === 'cluster') throw new ConnectRestError('BAD_REQUEST', 400, 'scope=cluster is not supported yet: set the level on each worker');
    const others = [name, ...[...this.levels.all().keys()].filter((it) => name === 'root' || it.startsWith(`${name}.`))].filter((it) => this.effective(it) !== wanted);
    if (others.length === 0) return [];
    this.levels.set(name, wanted, Date.now());
    return [...new Set(others)].sort();
  }

  private effective(name: string): LogLevel | undefined {
    return LOG_LEVELS.find((it) => this.levels.isEnabled(name, it));
  }
}

function info(level: LoggerLevel): LoggerLevelInfo {
  return { level: level.level, last_modified: level.lastModifiedMs };
}
