import { connectorInfo, connectorStateInfo, errorBody, workerHealth, type ConnectorInfoAnswer, type ConnectorStateAnswer } from '@millrace/http-contract';
import { OperationalError } from '@millrace/foundation';

/** A client of the Connect REST interface, ours or Java's. */
export class ConnectClient {
  constructor(private readonly url: string) {}

  async isHealthy(): Promise<boolean> {
    const response = await fetch(`${this.url}/health`).catch(() => undefined);
    return response?.ok === true && workerHealth.safeParse(await response.json()).success;
  }

  /** Creates the connector or gives it this config. */
  async put(name: string, config: Readonly<Record<string, string>>): Promise<ConnectorInfoAnswer> {
    return connectorInfo.parse(await this.call('PUT', `/connectors/${encodeURIComponent(name)}/config`, config));
  }

  /** Undefined while no worker has told a status yet. */
  async status(name: string): Promise<ConnectorStateAnswer | undefined> {
    try {
      return connectorStateInfo.parse(await this.call('GET', `/connectors/${encodeURIComponent(name)}/status`));
    } catch (error) {
      if ((error as { code?: unknown }).code === 'HTTP_404') return undefined;
      throw error;
    }
  }

  private async call(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(this.url + path, { method, ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }) });
    const text = await response.text();
    const answer: unknown = text === '' ? undefined : JSON.parse(text);
    if (response.ok) return answer;
    const refusal = errorBody.safeParse(answer);
    throw new OperationalError(`HTTP_${response.status}`, `${method} ${path}: ${refusal.success ? refusal.data.message : text}`, { isRetriable: response.status === 409 || response.status >= 500 });
  }
}
