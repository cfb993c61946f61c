/** Whether a namespace knows the search attributes, asked also where OperatorService is not to be had: Temporal Cloud has none. */
import { SEARCH_ATTRIBUTES } from '../contract/names.ts';

export type SearchAttribute = keyof typeof SEARCH_ATTRIBUTES;

/** The parts of a connection that are needed; both the client's and the worker's have them. */
export interface AttributeServices {
  readonly operatorService: {
    listSearchAttributes(request: { namespace: string }): Promise<{ readonly customAttributes: Readonly<Record<string, unknown>> }>;
  };
  readonly workflowService: {
    countWorkflowExecutions(request: { namespace: string; query: string }): Promise<unknown>;
  };
}

/** gRPC status codes. */
const INVALID_ARGUMENT = 3;
const NOT_FOUND = 5;
const PERMISSION_DENIED = 7;
const UNIMPLEMENTED = 12;
const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code;

/** The service is there for others, or for no one. */
export const isWithheld = (error: unknown): boolean => [NOT_FOUND, PERMISSION_DENIED, UNIMPLEMENTED].includes(codeOf(error) as number);

/** @throws what the server throws, but for a service that is withheld */
export async function missingSearchAttributes(services: AttributeServices, namespace: string): Promise<readonly SearchAttribute[]> {
  const names = Object.keys(SEARCH_ATTRIBUTES) as SearchAttribute[];
  try {
    const { customAttributes } = await services.operatorService.listSearchAttributes({ namespace });
    return names.filter((name) => !Object.hasOwn(customAttributes, name));
  } catch (error) {
    if (!isWithheld(error)) throw error;
  }
  const known = await Promise.all(names.map((name) => isKnown(services, namespace, name)));
  return names.filter((_, i) => known[i] !== true);
}

/** A query that names an unknown attribute is refused. */
async function isKnown({ workflowService }: AttributeServices, namespace: string, name: SearchAttribute): Promise<boolean> {
  try {
    await workflowService.countWorkflowExecutions({ namespace, query: `${name} IS NULL` });
    return true;
  } catch (error) {
    // The time-skipping test server cannot count: registering them again does no harm there.
    if (codeOf(error) === INVALID_ARGUMENT || codeOf(error) === UNIMPLEMENTED) return false;
    throw error;
  }
}

const isCloud = (address: string): boolean => /\.tmprl\.cloud(:\d+)?$|\.temporal\.io(:\d+)?$/.test(address);

/** What makes them, by whoever may. */
export function searchAttributeCommands(address: string, namespace: string, missing: readonly SearchAttribute[]): readonly string[] {
  if (isCloud(address))
    return [
      `tcld namespace search-attributes add --namespace ${namespace} ${missing.map((name) => `--sa "${name}=${SEARCH_ATTRIBUTES[name]}"`).join(' ')}`,
    ];
  return missing.map(
    (name) => `temporal operator search-attribute create --namespace ${namespace} --name ${name} --type ${SEARCH_ATTRIBUTES[name]}`,
  );
}
