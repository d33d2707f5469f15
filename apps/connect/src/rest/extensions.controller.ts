import { Body, Controller, Get, HttpCode, Inject, Param, Post, Put, Query } from '@nestjs/common';
import type { ConnectorHealth, ConnectRestApi, InternalSignature, RequestOrigin } from '@millrace/connect-runtime';
import { Signature } from './internal-signature.js';
import { plainJsonBody } from './json-body.js';
import { taskNumber } from './parameters.js';
import { Origin } from './request-origin.js';
import { REST_API } from './tokens.js';

/** What Kafka Connect does not have: below a prefix of its own, so that nothing of Connect's changes. */
@Controller('ext/connectors')
export class ExtensionsController {
  constructor(@Inject(REST_API) private readonly api: ConnectRestApi) {}

  @Get(':name/health')
  async health(@Param('name') name: string, @Origin() origin: RequestOrigin): Promise<ConnectorHealth> {
    return this.api.connectorHealth(name, origin);
  }

  @Post(':name/signals')
  @HttpCode(202)
  async signal(@Param('name') name: string, @Query('task') task: string | undefined, @Body() body: unknown, @Origin() origin: RequestOrigin): Promise<{ id: string }> {
    const { id, type, data } = await plainJsonBody('signalBody', body);
    return this.api.signalConnector(name, { type, data, ...(id === undefined ? {} : { id }), ...(task === undefined ? {} : { task: taskNumber(task) }) }, origin);
  }

  /** Between workers only. */
  @Put(':name/tasks/:task/signal')
  @HttpCode(204)
  async signalTask(
    @Param('name') name: string,
    @Param('task') task: string,
    @Body() body: unknown,
    @Signature() signature: InternalSignature,
  ): Promise<void> {
    await this.api.signalTask(name, taskNumber(task), typeof body === 'string' ? body : '', signature);
  }
}
