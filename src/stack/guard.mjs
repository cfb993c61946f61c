/**
 * Ends the development stack's processes when the stack itself was killed: it holds the other end of a pipe, and the pipe's end tells.
 * Lines on stdin: `+PID` a process group to watch, `-PID` one that has ended.
 */
import { createInterface } from 'node:readline';

const GRACE_MS = 5000;
const groups = new Set();

const signal = (group, name) => {
  try {
    process.kill(-group, name);
    return true;
  } catch {
    return false;
  }
};

for await (const line of createInterface({ input: process.stdin })) {
  const group = Number(line.slice(1));
  if (line.startsWith('+')) groups.add(group);
  else groups.delete(group);
}
const left = [...groups].filter((group) => signal(group, 'SIGTERM'));
if (left.length > 0) setTimeout(() => left.forEach((group) => signal(group, 'SIGKILL')), GRACE_MS);
