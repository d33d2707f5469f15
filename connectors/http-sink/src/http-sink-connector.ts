import { type AnyConfigDef, type ConfigValue, type ConnectorConfig, type ConnectorContext, SinkConnector } from '@millrace/connect-api';
import { HTTP_SINK_CONFIG } from './config/http-sink-config-def.js';
import { parseHttpSinkSettings, validateOffline } from './config/http-sink-settings.js';

/** The planning half: all tasks are alike; the framework shares the partitions out. */
export class HttpSinkConnector extends SinkConnector {
  override start(_context: ConnectorContext, config: ConnectorConfig): void {
    parseHttpSinkSettings(config);
  }

  override config(): AnyConfigDef {
    return HTTP_SINK_CONFIG;
  }

  /** Sends nothing: a request is never without an effect at the other end. */
  override validate(config: ConnectorConfig): ConfigValue[] {
    return validateOffline(config);
  }

  /** Offsets are Kafka's alone: nothing outside has to be changed with them. */
  override alterOffsets(): boolean {
    return true;
  }
}
