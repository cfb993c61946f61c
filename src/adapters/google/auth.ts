import { OAuth2Client } from 'google-auth-library';

/**
 * How a Google client reaches an emulator: its address, and a token that nobody checks. Never by *_EMULATOR_HOST: in a Node process these
 * variables break the clients' base URLs.
 */
export function emulatorOptions(apiEndpoint: string | undefined): { apiEndpoint: string; authClient: OAuth2Client } | undefined {
  if (apiEndpoint === undefined) return undefined;
  const authClient = new OAuth2Client();
  authClient.setCredentials({ access_token: 'emulator' });
  return { apiEndpoint, authClient };
}
