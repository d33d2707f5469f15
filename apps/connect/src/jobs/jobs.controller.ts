import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { plainJsonBody } from '../rest/json-body.js';
import type { JobAnswer } from './job.js';
import type { Jobs } from './jobs.js';
import { JOBS } from './tokens.js';

/** Background jobs: redrives of dead letters, scheduled restarts and snapshots. */
@Controller('ext/jobs')
export class JobsController {
  constructor(@Inject(JOBS) private readonly jobs: Jobs) {}

  @Post()
  @HttpCode(202)
  async add(@Body() body: unknown, @Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): Promise<JobAnswer> {
    const job = await this.jobs.add(await plainJsonBody('jobBody', body));
    reply.header('location', `${request.protocol}://${request.headers.host ?? request.hostname}/ext/jobs/${encodeURIComponent(job.id)}`);
    return job;
  }

  @Get()
  list(): Promise<JobAnswer[]> {
    return this.jobs.list();
  }

  @Get(':id')
  find(@Param('id') id: string): Promise<JobAnswer> {
    return this.jobs.find(id);
  }

  @Delete(':id')
  cancel(@Param('id') id: string): Promise<JobAnswer> {
    return this.jobs.cancel(id);
  }
}
