import { describe, expect, it } from 'vitest';
import type { Fields } from '../../../../src/session/log.ts';
import { Tally } from '../../../../src/session/kubernetes/tally.ts';

describe('what is counted', () => {
  const record = () => {
    const lines: Fields[] = [];
    let heard = () => {};
    const write = (fields: Fields) => {
      lines.push(fields);
      heard();
    };
    const next = () =>
      new Promise<void>((resolve) => {
        heard = resolve;
      });
    return { lines, next, log: { info: write, warn: write } };
  };

  it('is told at once, and what follows soon in one line later', async () => {
    const { lines, next, log } = record();
    const tally = new Tally('message', log, 20);
    tally.add([]);
    tally.add(['a', 'b']);
    expect(lines).toEqual([{ counts: { a: 1, b: 1 } }]);
    const later = next();
    for (let count = 0; count < 1_000; count += 1) tally.add(['a']);
    tally.add(['b']);
    expect(lines).toHaveLength(1);
    await later;
    expect(lines).toEqual([{ counts: { a: 1, b: 1 } }, { counts: { a: 1_000, b: 1 } }]);
    expect(tally.counts()).toEqual({ a: 1_001, b: 2 });
    tally.end();
    expect(lines).toHaveLength(2);
  });

  it('is told at the end, if it was not before', () => {
    const { lines, log } = record();
    const tally = new Tally('message', log);
    tally.add(['a']);
    tally.add(['a']);
    tally.end();
    expect(lines).toEqual([{ counts: { a: 1 } }, { counts: { a: 1 } }]);
  });
});
