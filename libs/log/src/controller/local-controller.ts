import { ByteWriter, hasCode, OperationalError, type Endpoint } from '@millrace/foundation';
import { ANONYMOUS, type ConnectionContext, type ResponseBytes } from '@millrace/network';
import { decodeResponse, type Api } from '@millrace/protocol';
import type { RequestDispatcher } from '../request-dispatcher.js';
import type { ControllerRequestOptions } from './controller-channel.js';
import { unframedAnswer } from './unframed.js';

const NOWHERE: Endpoint = { host: 'localhost', port: 0 };
const WITHIN_PROCESS: ConnectionContext = { connectionId: 'local', listenerName: 'CONTROLLER', remote: NOWHERE, local: NOWHERE, principal: ANONYMOUS, clientSoftware: undefined };

/** Asks the controller of this process by the bytes that the network would carry, so that both ways are one. */
export async function askLocalController<Request, RequestInput, Response, ResponseInput>(
  dispatcher: RequestDispatcher,
  api: Api<Request, RequestInput, Response, ResponseInput>,
  body: RequestInput,
  { forwarded }: ControllerRequestOptions,
): Promise<Response> {
  const apiVersion = forwarded?.apiVersion ?? api.advertisedMaxVersion;
  const connection = forwarded === undefined ? WITHIN_PROCESS : { ...WITHIN_PROCESS, principal: forwarded.connection.principal, remote: forwarded.connection.remote };
  const writer = new ByteWriter(512);
  api.request.encode(writer, body, apiVersion);
  const answer = await answered(dispatcher.handle({ apiKey: api.apiKey, apiVersion, correlationId: 0, clientId: forwarded?.clientId, connection, isForwarded: forwarded !== undefined }, writer.take()));
  if (answer === undefined) throw new OperationalError('NO_CONTROLLER', `the controller of this node does not answer ${api.name}`, { isRetriable: true });
  return decodeResponse(api, apiVersion, unframedAnswer(answer)).body;
}

/** Undefined where a connection would have been closed, since the quorum has ended on this node. */
async function answered(answer: ResponseBytes | Promise<ResponseBytes>): Promise<ResponseBytes> {
  try {
    return await answer;
  } catch (error) {
    if (hasCode(error, 'NOT_ANSWERED')) return undefined;
    throw error;
  }
}
