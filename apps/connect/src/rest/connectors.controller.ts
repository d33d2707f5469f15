import { Body, Controller, Delete, Get, Header, HttpCode, Inject, Param, Patch, Post, Put, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { exactJson, parseOffsetsBody, type ConnectorInfo, type ConnectorStateInfo, type ConnectRestApi, type InternalSignature, type OffsetsMessage, type RequestOrigin, type StringMap, type TaskInfo, type TaskStateInfo } from '@millrace/connect-runtime';
import { Signature } from './internal-signature.js';
import { jsonBody } from './json-body.js';
import { flag, locationOf, taskNumber } from './parameters.js';
import { Origin } from './request-origin.js';
import { REST_API } from './tokens.js';

@Controller('connectors')
export class ConnectorsController {
  constructor(@Inject(REST_API) private readonly api: ConnectRestApi) {}

  @Get()
  list(@Query('expand') expand?: string | string[]): string[] | Record<string, unknown> {
    return expand === undefined ? this.api.connectorNames() : this.api.connectorsExpanded([expand].flat());
  }

  @Post()
  @HttpCode(201)
  async create(@Body() body: unknown, @Origin() origin: RequestOrigin, @Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): Promise<ConnectorInfo> {
    const { name, config, initial_state } = await jsonBody('createConnectorBody', body);
    const info = await this.api.createConnector({ name, config, ...(initial_state === undefined ? {} : { initial_state }) }, origin);
    reply.header('location', locationOf(request, info.name));
    return info;
  }

  @Get(':name')
  info(@Param('name') name: string): ConnectorInfo {
    return this.api.connectorInfo(name);
  }

  @Delete(':name')
  @HttpCode(204)
  async delete(@Param('name') name: string, @Origin() origin: RequestOrigin): Promise<void> {
    await this.api.deleteConnector(name, origin);
  }

  @Get(':name/config')
  config(@Param('name') name: string): StringMap {
    return this.api.connectorConfig(name);
  }

  @Put(':name/config')
  async putConfig(@Param('name') name: string, @Body() body: unknown, @Origin() origin: RequestOrigin, @Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): Promise<ConnectorInfo> {
    const { created, info } = await this.api.putConnectorConfig(name, await jsonBody('configBody', body), origin);
    reply.status(created ? 201 : 200);
    if (created) reply.header('location', locationOf(request, name));
    return info;
  }

  @Patch(':name/config')
  async patchConfig(@Param('name') name: string, @Body() body: unknown, @Origin() origin: RequestOrigin): Promise<ConnectorInfo> {
    return this.api.patchConnectorConfig(name, await jsonBody('configBody', body), origin);
  }

  @Get(':name/status')
  status(@Param('name') name: string): ConnectorStateInfo {
    return this.api.connectorStatus(name);
  }

  @Put(':name/pause')
  @HttpCode(202)
  async pause(@Param('name') name: string): Promise<void> {
    await this.api.pauseConnector(name);
  }

  @Put(':name/resume')
  @HttpCode(202)
  async resume(@Param('name') name: string): Promise<void> {
    await this.api.resumeConnector(name);
  }

  @Put(':name/stop')
  @HttpCode(204)
  async stop(@Param('name') name: string, @Origin() origin: RequestOrigin): Promise<void> {
    await this.api.stopConnector(name, origin);
  }

  @Post(':name/restart')
  async restart(
    @Param('name') name: string,
    @Query('includeTasks') includeTasks: string | undefined,
    @Query('onlyFailed') onlyFailed: string | undefined,
    @Origin() origin: RequestOrigin,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ConnectorStateInfo | undefined> {
    const state = await this.api.restartConnector(name, { includeTasks: flag(includeTasks), onlyFailed: flag(onlyFailed) }, origin);
    reply.status(state ? 202 : 204);
    return state;
  }

  /** As text: positions may be integers that JavaScript's numbers do not hold. */
  @Get(':name/offsets')
  @Header('content-type', 'application/json')
  async offsets(@Param('name') name: string): Promise<string> {
    return exactJson(await this.api.connectorOffsets(name));
  }

  @Patch(':name/offsets')
  async alterOffsets(@Param('name') name: string, @Body() body: unknown, @Origin() origin: RequestOrigin): Promise<OffsetsMessage> {
    return this.api.alterConnectorOffsets(name, parseOffsetsBody(typeof body === 'string' ? body : ''), origin);
  }

  @Delete(':name/offsets')
  async resetOffsets(@Param('name') name: string, @Origin() origin: RequestOrigin): Promise<OffsetsMessage> {
    return this.api.resetConnectorOffsets(name, origin);
  }

  @Get(':name/topics')
  topics(@Param('name') name: string): Record<string, { topics: string[] }> {
    return this.api.connectorTopics(name);
  }

  @Put(':name/topics/reset')
  @HttpCode(202)
  async resetTopics(@Param('name') name: string): Promise<void> {
    await this.api.resetConnectorTopics(name);
  }

  @Get(':name/tasks')
  tasks(@Param('name') name: string): TaskInfo[] {
    return this.api.connectorTasks(name);
  }

  /** Between workers only. */
  @Post(':name/tasks')
  @HttpCode(204)
  async putTaskConfigs(
    @Param('name') name: string,
    @Body() body: unknown,
    @Signature() signature: InternalSignature,
    @Origin() origin: RequestOrigin,
  ): Promise<void> {
    await this.api.putTaskConfigs(name, typeof body === 'string' ? body : '', signature, origin);
  }

  /** Between workers only. */
  @Put(':name/fence')
  @HttpCode(204)
  async fence(
    @Param('name') name: string,
    @Body() body: unknown,
    @Signature() signature: InternalSignature,
    @Origin() origin: RequestOrigin,
  ): Promise<void> {
    await this.api.fenceZombies(name, typeof body === 'string' ? body : '', signature, origin);
  }

  @Get(':name/tasks/:task/status')
  taskStatus(@Param('name') name: string, @Param('task') task: string): TaskStateInfo {
    return this.api.taskStatus(name, taskNumber(task));
  }

  @Post(':name/tasks/:task/restart')
  @HttpCode(204)
  async restartTask(@Param('name') name: string, @Param('task') task: string, @Origin() origin: RequestOrigin): Promise<void> {
    await this.api.restartTask(name, taskNumber(task), origin);
  }
}
