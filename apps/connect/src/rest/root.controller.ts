import { Controller, Get, Inject, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { ConnectRestApi, ServerInfo, WorkerHealth } from '@millrace/connect-runtime';
import { REST_API } from './tokens.js';

const HEALTH_STATUS: Readonly<Record<WorkerHealth['status'], number>> = { healthy: 200, starting: 503, unhealthy: 500 };

@Controller()
export class RootController {
  constructor(@Inject(REST_API) private readonly api: ConnectRestApi) {}

  @Get()
  root(): ServerInfo {
    return this.api.serverInfo();
  }

  @Get('health')
  async health(@Res({ passthrough: true }) reply: FastifyReply): Promise<WorkerHealth> {
    const health = await this.api.health();
    reply.status(HEALTH_STATUS[health.status]);
    return health;
  }
}
