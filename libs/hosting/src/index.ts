export { fromEnvironment, loadConfig, type ConfigSources } from './config/load-config.js';
export { parseProperties } from './config/properties.js';
export { LOG_LEVELS, LogLevels, type LoggerLevel, type LogLevel } from './logging/log-levels.js';
export { createLogging, type Logging, type LoggingOptions } from './logging/pino-logger.js';
export { loggingFromEnvironment } from './logging/logging-from-environment.js';
export { NestLogger } from './logging/nest-logger.js';
export { EngineHost, type Engine } from './engine-host.js';
export { closeOnSignal, exitWithReason, type Closable } from './run-until-signal.js';
