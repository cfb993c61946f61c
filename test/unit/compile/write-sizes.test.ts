import { describe, expect, it } from 'vitest';
import { writeSizes } from '../../../src/compile/write-sizes.ts';

const TYPE = 'node.kubernetes.io/instance-type';
const sizes = { steps: { tune: { cpu: 4, memoryMb: 6656 } }, pools: { spot: { machine: 'e2-standard-8', pricePerHour: 0.1 } } };

describe('sizes in YAML', () => {
  it('change nothing else of a pipeline: comments and layout stay', () => {
    const text = `name: p   # odd   spacing
steps:
  other: { kind: search, resources: { cpu: 16 } }
  tune:
    kind: search
    resources: { cpu: 16, memory: 48Gi }   # as the old machines had
`;
    expect(writeSizes(text, sizes)).toBe(text.replace('{ cpu: 16, memory: 48Gi }', '{ cpu: 4, memory: 6656Mi }'));
  });

  it('keep the earlier spelling of memory where that is written', () => {
    const text = 'steps:\n  tune:\n    resources:\n      memoryMb: 49152 # much\n      cpu: 16\n';
    expect(writeSizes(text, sizes)).toBe('steps:\n  tune:\n    resources:\n      memoryMb: 6656 # much\n      cpu: 4\n');
  });

  it('are added where nothing is written', () => {
    const text = '# ours\nsteps:\n  tune: # the large one\n    # by grid\n    kind: search\n';
    expect(writeSizes(text, sizes)).toBe(text.replace('kind: search', 'resources: { memory: 6656Mi, cpu: 4 }\n    kind: search'));
    const half = 'steps: { tune: { kind: search, resources: { gpu: 0, cpu: 16 } } }\n';
    expect(writeSizes(half, sizes)).toBe('steps: { tune: { kind: search, resources: { memory: 6656Mi, gpu: 0, cpu: 4 } } }\n');
  });

  it('give a pool of a profile its machine, and its price where the profile says that', () => {
    const text = `pools:\n  - { name: spot, spot: true, pricePerHour: 0.3, nodeSelector: { ${TYPE}: n2-standard-16 } }\n  - { name: sure, spot: false }\n`;
    expect(writeSizes(text, sizes)).toBe(text.replace('0.3', '0.1').replace('n2-standard-16', 'e2-standard-8'));
    const unpriced = text.replace(' pricePerHour: 0.3,', '');
    expect(writeSizes(unpriced, sizes)).toBe(unpriced.replace('n2-standard-16', 'e2-standard-8'));
  });

  it('are not written into what names none of the steps and pools, and through no alias', () => {
    expect(writeSizes('steps:\n  else: { kind: search }\n', sizes)).toBeNull();
    expect(() => writeSizes('big: &big { cpu: 16 }\nsteps:\n  tune: { resources: *big }\n', sizes)).toThrow('steps.tune.resources');
  });
});
