import { ProtocolError } from '@millrace/protocol';

/** The controller's answer, or the response that says why it could not write its log. */
export async function orNotController<Response>(answer: Promise<Response>, failed: (errorCode: number) => Response): Promise<Response> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return failed(error.errorCode);
  }
}
