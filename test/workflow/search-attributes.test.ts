/** Workers before a server that withholds OperatorService, as Temporal Cloud does. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { missingSearchAttributes } from '../../src/adapters/search-attributes.ts';
import { SEARCH_ATTRIBUTES } from '../../src/contract/names.ts';
import { registerSearchAttributes, SearchAttributesError } from '../../workers/connection.ts';
import { namespaceOf, startServer } from './environment.ts';

describe('without OperatorService', () => {
  let environment: TestWorkflowEnvironment;
  const refusals: string[] = [];
  beforeAll(async () => {
    environment = await startServer('real');
  });
  afterAll(() => environment.teardown());

  const withheld = (namespace: string, address = environment.address): Parameters<typeof registerSearchAttributes>[0] => {
    const refuse = (method: string) => (): Promise<never> => {
      refusals.push(method);
      return Promise.reject(Object.assign(new Error('not for you'), { code: 7 }));
    };
    const operatorService = { listSearchAttributes: refuse('list'), addSearchAttributes: refuse('add') };
    const { workflowService } = environment.nativeConnection;
    return { connection: { workflowService, operatorService } as never, namespace, address };
  };

  it('starts where the search attributes are there', async () => {
    refusals.length = 0;
    await registerSearchAttributes(withheld(namespaceOf(environment)));
    expect(refusals).toEqual(['list']);
  });

  describe('in a namespace that lacks them', () => {
    const namespace = 'bare';
    beforeAll(async () => {
      await environment.nativeConnection.workflowService.registerNamespace({
        namespace,
        workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
      });
    });

    it('names all of them, and the command that makes them', async () => {
      const { connection } = withheld(namespace);
      const missing = async () => missingSearchAttributes(connection, namespace);
      await expect.poll(missing).toEqual(Object.keys(SEARCH_ATTRIBUTES));
      const message = await registerSearchAttributes(withheld(namespace)).catch((error: unknown) => error as Error);
      expect(message).toBeInstanceOf(SearchAttributesError);
      for (const [name, type] of Object.entries(SEARCH_ATTRIBUTES))
        expect((message as Error).message).toContain(
          `temporal operator search-attribute create --namespace bare --name ${name} --type ${type}`,
        );
    });

    it('names the command of Temporal Cloud there', async () => {
      const connected = withheld(namespace, 'team.a1b2c.tmprl.cloud:7233');
      await expect(registerSearchAttributes(connected)).rejects.toThrow(
        /tcld namespace search-attributes add --namespace bare --sa "Pipeline=Keyword" --sa/,
      );
    });
  });
});
