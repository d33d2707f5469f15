import { Controller, Get, Inject, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { MetricsPage } from '@millrace/hosting';
import { METRICS_PAGE } from './tokens.js';

@Controller()
export class MetricsController {
  constructor(@Inject(METRICS_PAGE) private readonly page: MetricsPage) {}

  @Get('metrics')
  async metrics(@Res({ passthrough: true }) reply: FastifyReply): Promise<string> {
    reply.type(this.page.contentType);
    return await this.page.text();
  }
}
