import { BadRequestException, Body, Controller, Get, Inject, NotFoundException, Param, Put } from '@nestjs/common';
import { loggerLevelBody } from '@millrace/http-contract';
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
    if (!level) throw new NotFoundException(`Logger ${name} not found.`);
    return info(level);
  }

  @Put(':logger')
  set(@Param('logger') name: string, @Body() body: unknown): string[] {
    const { level } = jsonBody(loggerLevelBody, body);
    if (level === undefined || level === null) throw new BadRequestException("Desired 'level' parameter was not specified in request.");
    const wanted = LOG_LEVELS.find((it) => it === String(level).toUpperCase());
    if (!wanted) throw new NotFoundException(`invalid log level '${String(level)}'.`);
    return this.levels.set(name, wanted satisfies LogLevel, Date.now());
  }
}

function info(level: LoggerLevel): LoggerLevelInfo {
  return { level: level.level, last_modified: level.lastModifiedMs };
}
