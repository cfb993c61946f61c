import { expect, it } from 'vitest';
import { createOverview, createProgram } from '../../../src/cli/program.ts';

const all = await createProgram();
const words = all.commands.flatMap((command) => [command.name(), ...command.aliases()]).filter((word) => word !== 'completion');

it.each(words)('longhaul %s finds its command without the modules of the others, and its help is the same', async (word) => {
  const { commands } = await createProgram(word);
  expect(commands.length).toBeLessThan(10);
  const found = (among: typeof commands) => among.find((command) => command.name() === word || command.aliases().includes(word));
  expect(found(commands)?.helpInformation()).toBe(found(all.commands)?.helpInformation());
});

it.each([undefined, 'help', 'lsit', 'completion'])('all commands are there for %s', async (word) => {
  expect((await createProgram(word)).commands.map((command) => command.name())).toEqual(all.commands.map((command) => command.name()));
});

it('lists in its help what all commands say of themselves, without their modules', () => {
  expect(createOverview().helpInformation()).toBe(all.helpInformation());
});
