import { ErrorCode, type ControllerRegistrationRequest, type ControllerRegistrationResponseInput } from '@millrace/protocol';
import type { ControllerResult } from './controller-result.js';

/** A node of the metadata quorum says where it listens, and what it can do: features change only with the consent of all. */
export function registerController(request: ControllerRegistrationRequest): ControllerResult<ControllerRegistrationResponseInput> {
  const { controllerId, incarnationId, listeners, features } = request;
  return {
    records: [{ type: 'RegisterControllerRecord', version: 0, record: { controllerId, incarnationId, zkMigrationReady: false, endPoints: listeners, features } }],
    response: { errorCode: ErrorCode.NONE, errorMessage: '' },
    isAtomic: true,
  };
}
