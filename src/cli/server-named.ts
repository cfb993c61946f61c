import { findTarget } from '../client/address.ts';
import { CannotConnectError } from '../client/errors.ts';

/** Whether a Temporal server is named, by the environment or a profile of it, or runs in this project. */
export function isServerNamed(profile: string | undefined): boolean {
  try {
    findTarget({ profile });
    return true;
  } catch (error) {
    if (error instanceof CannotConnectError) return false;
    throw error;
  }
}
