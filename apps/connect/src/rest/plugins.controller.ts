import { Body, Controller, Get, Inject, Param, Put, Query } from '@nestjs/common';
import type { ConfigInfos, ConfigKeyInfo, ConnectRestApi, PluginInfo } from '@millrace/connect-runtime';
import { jsonBody } from './json-body.js';
import { flag } from './parameters.js';
import { REST_API } from './tokens.js';

@Controller('connector-plugins')
export class PluginsController {
  constructor(@Inject(REST_API) private readonly api: ConnectRestApi) {}

  @Get()
  list(@Query('connectorsOnly') connectorsOnly?: string): PluginInfo[] {
    return this.api.plugins({ connectorsOnly: connectorsOnly === undefined || flag(connectorsOnly) });
  }

  @Get(':plugin/config')
  async config(@Param('plugin') plugin: string, @Query('version') version?: string): Promise<ConfigKeyInfo[]> {
    return this.api.pluginConfig(plugin, version);
  }

  @Put(':plugin/config/validate')
  async validate(@Param('plugin') plugin: string, @Body() body: unknown): Promise<ConfigInfos> {
    return this.api.validateConfig(plugin, await jsonBody('configBody', body));
  }
}
