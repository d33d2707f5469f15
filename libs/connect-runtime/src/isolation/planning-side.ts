import type { ConnectLogger, Connector, ConnectorConfig, SinkConnector, SourceConnector } from '@millrace/connect-api';
import { invariant } from '@millrace/foundation';
import { loadConnectorPlugin } from '../plugins/load-plugin.js';
import type { PlainKeys, PlanningCall, PlanningMessage, PlanningRequest } from './planning-protocol.js';
import type { PluginDescriptor } from '../plugins/plugin-descriptor.js';
import { errorReport } from './task-protocol.js';
import { plainFields } from './plain-fields.js';

/** The connectors' end: instances of one plugin's connectors. A call that does not come back holds up nobody else, as long as it leaves the thread alone. */
export class PlanningSide {
  private readonly instances = new Map<number, { readonly connector: Connector; readonly config: ConnectorConfig }>();

  constructor(private readonly send: (message: PlanningMessage) => void) {}

  async take({ id, plugin, request }: PlanningCall): Promise<void> {
    try {
      this.send({ type: 'answer', id, value: await this.call(plugin, request) });
    } catch (error) {
      this.send({ type: 'answer', id, error: errorReport(error) });
    }
  }

  private async call(plugin: PluginDescriptor, request: PlanningRequest): Promise<unknown> {
    switch (request.method) {
      case 'start': {
        const connector = make(plugin);
        this.instances.set(request.instance, { connector, config: request.config });
        return await connector.start(this.context(request.instance, request.connector), request.config);
      }
      case 'taskConfigs': {
        const { connector, config } = this.instance(request.instance);
        return await connector.taskConfigs(request.tasksMax, config);
      }
      case 'stop': {
        return await this.instance(request.instance).connector.stop();
      }
      case 'forget':
        return void this.instances.delete(request.instance);
      case 'describe':
        return plainKeys(make(plugin).config().keys);
      case 'validate':
        return await make(plugin).validate(request.config);
      case 'exactlyOnceSupport':
        return (make(plugin) as SourceConnector).exactlyOnceSupport(request.config);
      case 'alterSourceOffsets':
        return await (make(plugin) as SourceConnector).alterOffsets(request.config, request.offsets);
      case 'alterSinkOffsets':
        return await (make(plugin) as SinkConnector).alterOffsets(request.config, request.offsets);
      case 'onDeleted': {
        const connector = (request.instance === undefined ? make(plugin) : this.instance(request.instance).connector) as Partial<SourceConnector>;
        return await connector.onDeleted?.(request.config);
      }
    }
  }

  private instance(number: number): { readonly connector: Connector; readonly config: ConnectorConfig } {
    const instance = this.instances.get(number);
    invariant(instance, 'a connector instance is called after its start');
    return instance;
  }

  private context(instance: number, connectorName: string): Parameters<Connector['start']>[0] {
    const line =
      (level: 'debug' | 'info' | 'warn' | 'error'): ConnectLogger['info'] =>
      (fields, message) =>
        this.send({ type: 'log', instance, level, fields: plainFields(fields), message });
    return {
      connectorName,
      logger: { trace: () => undefined, debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') },
      requestTaskReconfiguration: () => this.send({ type: 'reconfigure', instance }),
      raiseError: (error) => this.send({ type: 'raised', instance, error: errorReport(error) }),
    };
  }
}

function plainKeys(keys: Readonly<Record<string, object>>): PlainKeys {
  return Object.fromEntries(Object.entries(keys).map(([name, key]) => [name, Object.fromEntries(Object.entries(key).filter(([, value]) => typeof value !== 'function'))])) as unknown as PlainKeys;
}

function make(plugin: PluginDescriptor): Connector {
  return loadConnectorPlugin(plugin).connector();
}
