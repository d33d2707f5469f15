/** ControllerRegistration, version 0. Deviations: none known. */
import { ControllerRegistration } from '@millrace/protocol';
import { atTop, operationApi } from './controller-api.js';

export const controllerRegistrationApi = operationApi(
  ControllerRegistration,
  (request) => (controller) => controller.registerController(request),
  atTop,
);
