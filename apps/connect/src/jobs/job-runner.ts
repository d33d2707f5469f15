import { ConnectRestError, type ConnectRestApi, type StringMap } from '@millrace/connect-runtime';
import type { Logger } from '@millrace/foundation';
import type { JobBody, RedriveBody } from '@millrace/http-contract';
import { FinalJobError, type JobContext, type JobData } from './job.js';
import { redrive, type RedriveRoute } from './redrive.js';

/** What jobs need of the worker. */
export interface JobSurroundings {
  readonly rest: ConnectRestApi;
  readonly clientSettings: (purpose: 'producer' | 'consumer') => StringMap;
  readonly logger: Logger;
}

/** Knows what each type of job does. Calls go through the worker's REST methods, which find the worker that is responsible. */
export class JobRunner {
  constructor(private readonly surroundings: JobSurroundings) {}

  /** Throws ConnectRestError for what could not run: an unknown connector, one without dead letters. */
  prepare(body: JobBody): JobData {
    if (body.connector !== undefined) this.surroundings.rest.connectorConfig(body.connector);
    if (body.type !== 'redrive') return { body };
    const { topic } = this.routeOf(body);
    if (body.to_topic === topic) throw new ConnectRestError('BAD_REQUEST', 400, `Cannot redrive the topic ${topic} to itself (to_topic)`);
    return body.dry_run ? { body } : { body, resource: `redrive of ${topic}` };
  }

  /** Rejects with FinalJobError when another try would end the same. */
  async run(body: JobBody, context: JobContext): Promise<void> {
    try {
      if (body.type === 'redrive') return await redrive(body, this.routeOf(body), context, this.surroundings.logger);
      await context.save({ shown: { done: 0, total: 1 } });
      await this.once(body, context);
      await context.save({ shown: { done: 1, total: 1 } });
    } catch (error) {
      // 409 and 5xx pass with time (a rebalance, a task that is not running yet); other refusals stay.
      if (error instanceof ConnectRestError && error.status < 500 && error.status !== 409) throw new FinalJobError(error.message);
      throw error;
    }
  }

  private async once(body: Exclude<JobBody, RedriveBody>, { id }: JobContext): Promise<void> {
    const { rest } = this.surroundings;
    if (body.type === 'restart') {
      await rest.restartConnector(body.connector, { includeTasks: body.include_tasks, onlyFailed: body.only_failed }, {});
      return;
    }
    await rest.signalConnector(body.connector, { id, type: 'execute-snapshot', data: body.data, ...(body.task === undefined ? {} : { task: body.task }) }, {});
  }

  private routeOf({ connector, topic: named }: RedriveBody): RedriveRoute {
    const { rest, clientSettings } = this.surroundings;
    const config = connector === undefined ? {} : rest.connectorConfig(connector);
    const topic = named ?? config['errors.deadletterqueue.topic.name']?.trim();
    if (!topic) throw new ConnectRestError('BAD_REQUEST', 400, `Connector ${connector ?? ''} has no dead-letter topic (errors.deadletterqueue.topic.name)`);
    const servers = (kind: 'producer' | 'consumer'): StringMap => {
      const own = config[`${kind}.override.bootstrap.servers`];
      return own === undefined ? {} : { 'bootstrap.servers': own };
    };
    // Letters are where the connector's producer put them, and go to where its consumer reads.
    return {
      topic,
      consumerConfig: { ...clientSettings('consumer'), 'bootstrap.servers': clientSettings('producer')['bootstrap.servers'] ?? '', ...servers('producer') },
      producerConfig: { ...clientSettings('producer'), 'bootstrap.servers': clientSettings('consumer')['bootstrap.servers'] ?? '', ...servers('consumer') },
    };
  }
}
