/** What the controllers call: the engine's ConnectRestApi. */
export const REST_API = Symbol('ConnectRestApi');
/** The levels of this process's loggers. */
export const LOG_LEVEL_REGISTRY = Symbol('LogLevels');
/** What Prometheus scrapes. */
export const METRICS_PAGE = Symbol('MetricsPage');
