import type { RequestContext } from '@millrace/network';
import { CONFIG_RESOURCE_TYPES, CORDONED_LOG_DIRS, splitList } from '@millrace/metadata';
import { ErrorCode, type AlterConfigsResponseInput, type Api } from '@millrace/protocol';
import type { BrokerServices } from '../../broker/broker-services.js';
import { cordonsProblem } from '../../config/cordoned-folders.js';
import { forward } from './forward.js';

/** A resource of AlterConfigs or IncrementalAlterConfigs. */
interface AlteredResource {
  readonly resourceType: number;
  readonly resourceName: string;
  readonly configs: readonly { readonly name: string; readonly value: string | null; readonly configOperation?: number }[];
}
type Altered = AlterConfigsResponseInput.Topic;

const SET = 0;
const APPEND = 2;

/** Settings go to the active controller, but for cordons of directories that this broker does not have, or cannot judge since they are another's: of its paths only a broker itself knows. */
export async function forwardConfigs<Resource extends AlteredResource, Request extends RequestInput & { readonly resources: readonly Resource[] }, RequestInput, Response extends { responses: Altered[] }>(
  services: BrokerServices,
  api: Api<Request, RequestInput, Response, { responses: Altered[] }>,
  request: Request,
  context: RequestContext,
): Promise<{ responses: Altered[] }> {
  const failed = (errorCode: number, asked: Request): { responses: Altered[] } => ({ responses: asked.resources.map(({ resourceType, resourceName }) => ({ errorCode, resourceType, resourceName })) });
  const refused = request.resources.flatMap((it): Altered[] => {
    const errorMessage = cordonRefusal(services, it);
    return errorMessage === null ? [] : [{ errorCode: ErrorCode.INVALID_REQUEST, errorMessage, resourceType: it.resourceType, resourceName: it.resourceName }];
  });
  if (refused.length === 0) return await forward(services, api, { request, context }, failed);
  const resources = request.resources.filter((it) => cordonRefusal(services, it) === null);
  if (resources.length === 0) return { responses: refused };
  const { responses } = await forward(services, api, { request: { ...request, resources }, context }, failed);
  return { responses: [...refused, ...responses] };
}

function cordonRefusal({ brokerId, config, image }: BrokerServices, { resourceType, resourceName, configs }: AlteredResource): string | null {
  const given = configs.find((it) => it.name === CORDONED_LOG_DIRS);
  const { configOperation = SET, value = null } = given ?? {};
  if (resourceType !== CONFIG_RESOURCE_TYPES.BROKER || resourceName === '' || value === null || (configOperation !== SET && configOperation !== APPEND)) return null;
  if (resourceName !== String(brokerId)) return `Unexpected broker id, expected ${brokerId} or empty string, but received ${resourceName}`;
  const current = configOperation === APPEND ? splitList(image.configs('BROKER', resourceName).get(CORDONED_LOG_DIRS) ?? '') : [];
  const problem = cordonsProblem([...new Set([...current, ...splitList(value)])], config.logDirs);
  return problem === null ? null : `requirement failed: ${problem}`;
}
