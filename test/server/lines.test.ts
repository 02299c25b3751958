import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BackgroundLines } from '../../src/telemetry/lines.ts';
import { until } from '../cluster/until.ts';

/** A pipe of which the test holds both ends, and that nobody has to wait for. */
function newPipe(): { readonly input: number; read(): string } {
  const directory = mkdtempSync(join(tmpdir(), 'countersign-pipe-'));
  const path = join(directory, 'pipe');
  execFileSync('mkfifo', [path]);
  const output = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const input = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  onTestFinished(() => {
    for (const descriptor of [input, output]) closeSync(descriptor);
    rmSync(directory, { recursive: true });
  });
  const buffer = Buffer.alloc(1024 * 1024);
  return {
    input,
    read() {
      try {
        return buffer.toString('utf8', 0, readSync(output, buffer));
      } catch (error) {
        // Nothing is there at the moment.
        if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return '';
        throw error;
      }
    },
  };
}

function flushed(lines: BackgroundLines): Promise<void> {
  return new Promise((resolve) => lines.flush(resolve));
}

function indicesIn(text: string): number[] {
  return [...text.matchAll(/"index":(\d+)/g)].map(([, index]) => Number(index));
}

describe('lines written in the background', () => {
  it('arrive whole and in order, without anybody asking for it', async () => {
    const pipe = newPipe();
    const lines = new BackgroundLines(pipe.input);
    const expected = Array.from({ length: 1_000 }, (_, index) => `${index} ünïcode\n`);
    for (const line of expected) lines.write(line);
    let read = '';
    await until('they have arrived', () => (read += pipe.read()).length === expected.join('').length);
    expect(read).toBe(expected.join(''));
  });

  it('arrive at once when it is asked for', async () => {
    const pipe = newPipe();
    const lines = new BackgroundLines(pipe.input);
    await flushed(lines);
    lines.write('one\n');
    await flushed(lines);
    expect(pipe.read()).toBe('one\n');
  });

  it('are lost beyond a bound while nobody reads, and a line tells how many', async () => {
    const pipe = newPipe();
    const lines = new BackgroundLines(pipe.input);
    const count = 100_000;
    for (let index = 0; index < count; index += 1) lines.write(`{"index":${index},"padding":"${'x'.repeat(100)}"}\n`);

    const last = flushed(lines).then(() => true);
    let read = '';
    const more = async () => {
      read += pipe.read();
      return Promise.race([last, new Promise<false>((resolve) => setImmediate(() => resolve(false)))]);
    };
    await until('all is read that was kept', more, { everyMs: 1 });
    read += pipe.read();
    const kept = indicesIn(read);
    expect(kept).toEqual(kept.map((_, position) => position));
    expect(kept.length).toBeLessThan(count / 2);

    lines.write('{"index":-1}\n');
    await flushed(lines);
    const [notice = '', next] = pipe.read().split('\n');
    expect(JSON.parse(notice)).toMatchObject({ level: 'warn', lines: count - kept.length });
    expect(next).toBe('{"index":-1}');
  });

  it('cost nothing when they cannot be written at all', async () => {
    const full = openSync('/dev/full', 'w');
    onTestFinished(() => closeSync(full));
    const lines = new BackgroundLines(full);
    for (let index = 0; index < 1_000; index += 1) {
      lines.write('x'.repeat(8_000));
      await flushed(lines);
    }
    const closed = new BackgroundLines(987_654);
    closed.write('x\n');
    await flushed(closed);
  });
});
