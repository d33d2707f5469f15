import type { TransformationPlugin } from '@millrace/connect-api';
import { ExampleTransformation, SETTINGS } from './example-transformation.js';

export { SETTINGS };

/** What the manifest in package.json names. */
export const plugin: TransformationPlugin = { transformation: () => new ExampleTransformation() };
