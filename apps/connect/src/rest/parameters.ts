import { NotFoundException } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';

/** A flag in a query as Java reads it: true in any case is true, anything else is false. */
export function flag(text: string | string[] | undefined): boolean {
  return [text].flat()[0]?.toLowerCase() === 'true';
}

/** A task's number in a path; what is no number of 32 bits is a path that does not exist. */
export function taskNumber(text: string): number {
  const value = Number(text);
  if (!/^[+-]?\d+$/.test(text) || value > 2 ** 31 - 1 || value < -(2 ** 31)) throw new NotFoundException();
  return value;
}

/** Where a new connector is found, absolute by the host that the client asked. */
export function locationOf(request: FastifyRequest, name: string): string {
  const path = encodeURIComponent(name).replace(/%(?:3A|40|2C|2B|26|3D|3B|24)/g, decodeURIComponent);
  return `${request.protocol}://${request.headers.host ?? request.hostname}/connectors/${path}`;
}
