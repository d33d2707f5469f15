import { Body, Controller, Get, Inject, Param, Put, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { ConnectRestError, type ConnectRestApi } from '@millrace/connect-runtime';
import { LOG_LEVELS, LogLevels, type LoggerLevel, type LogLevel } from '@millrace/hosting';
import { jsonBody } from './json-body.js';
import { LOG_LEVEL_REGISTRY, REST_API } from './tokens.js';

interface LoggerLevelInfo {
  readonly level: string;
  readonly last_modified: number | null;
}

/** This worker's log levels (KIP-495). */
@Controller('admin/loggers')
export class LoggersController {
  constructor(
    @Inject(LOG_LEVEL_REGISTRY) private readonly levels: LogLevels,
    @Inject(REST_API) private readonly api: ConnectRestApi,
  ) {}

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

  /** On this worker, or with scope=cluster on all (KIP-976). Answers the names of the loggers whose level is another one now. */
  @Put(':logger')
  async set(@Param('logger') name: string, @Body() body: unknown, @Query('scope') scope: string | undefined, @Res({ passthrough: true }) reply: FastifyReply): Promise<string[] | undefined> {
    const { level } = await jsonBody('configBody', body);
    if (level === undefined || level === null) throw new ConnectRestError('BAD_REQUEST', 400, "Desired 'level' parameter was not specified in request.");
    if (!levelOf(level)) throw new ConnectRestError('NOT_FOUND', 404, `invalid log level '${level}'.`);
    if (scope?.toLowerCase() !== 'cluster') return setLevel(this.levels, name, level);
    await this.api.setClusterLoggerLevel(name, level);
    reply.status(204);
    return undefined;
  }
}

/** Sets a logger and all below it; returns the names of those whose level is another one now. A level that is not known changes nothing. */
export function setLevel(levels: LogLevels, name: string, level: string): string[] {
  const wanted = levelOf(level);
  if (!wanted) return [];
  const effective = (it: string): LogLevel | undefined => LOG_LEVELS.find((each) => levels.isEnabled(it, each));
  const others = [name, ...[...levels.all().keys()].filter((it) => name === 'root' || it.startsWith(`${name}.`))].filter((it) => effective(it) !== wanted);
  if (others.length === 0) return [];
  levels.set(name, wanted, Date.now());
  return [...new Set(others)].sort();
}

function levelOf(text: string): LogLevel | undefined {
  return LOG_LEVELS.find((it) => it === text.toUpperCase());
}

function info(level: LoggerLevel): LoggerLevelInfo {
  return { level: level.level, last_modified: level.lastModifiedMs };
}
