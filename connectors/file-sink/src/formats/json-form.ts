import type { JsonForm } from '@millrace/connect-api';

/** JSON for whoever reads files: nothing of a value is lost, and times are legible. */
export const JSON_FORM: JsonForm = { decimals: 'text', times: 'iso', maps: 'pairs' };
