/**
 * Where payloads are encrypted, messages and stacks of failures are payloads too: they hold ends of logs, and with them what a script printed.
 * The SDK loads this file by its path, also into the bundle of the workflows.
 */
import { DefaultFailureConverter } from '@temporalio/common';

export const failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
