import { SourceConnector, type AnyConfigDef, type ConfigValue, type ConnectorConfig } from '@millrace/connect-api';
import { SETTINGS } from './config/settings.js';
import { validateConnection, validateTogether } from './validate-connection.js';

/** Plans the capture of one deployment: one task, since a change stream is one sequence. */
export class MongoSourceConnector extends SourceConnector {
  override taskConfigs(_tasksMax: number, config: ConnectorConfig): ConnectorConfig[] {
    return [config];
  }

  config(): AnyConfigDef {
    return SETTINGS;
  }

  override async validate(config: ConnectorConfig): Promise<ConfigValue[]> {
    const values = SETTINGS.validate(config);
    validateTogether(config, values);
    if (values.every((it) => it.errors.length === 0)) await validateConnection(config, values);
    return values;
  }

  /** Delivery is at least once: records and offsets are not written in one transaction. */
  override exactlyOnceSupport(): 'unsupported' {
    return 'unsupported';
  }

  /** Nothing is held outside: any offset can be set. */
  override alterOffsets(): boolean {
    return true;
  }
}
