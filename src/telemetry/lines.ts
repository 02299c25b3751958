import { write } from 'node:fs';

/** Lines are written together once they have so many characters, or the first of them is so many milliseconds old. */
const BATCH = 4096;
const MAX_AGE = 100;

/** How much may wait to be written, in characters; at 500 a decision, some ten thousand decisions. */
const MAX_WAITING = 4 * 1024 * 1024;

/** Milliseconds until a pipe that is full is tried again. */
const RETRY_AFTER = 20;

/**
 * Writes lines to a file descriptor in the background, and never stands in the way of the program: a reader that is
 * slow, stuck or gone, or a disk that is full, costs lines and neither memory nor time. Admission goes on unlogged, and
 * the audit log of the API server still has each decision's annotations.
 *
 * pino's own destination keeps what it could not write for good, and at the end of the program tries for ever.
 */
export class BackgroundLines {
  readonly #descriptor: number;
  #waiting = '';
  #lost = 0;
  #writing = false;
  /** Not `unref`: a program that ends by itself ends with its last lines written. */
  #timer: NodeJS.Timeout | undefined;
  #whenWritten: (() => void)[] = [];

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  write(line: string): void {
    if (this.#waiting.length + line.length > MAX_WAITING) {
      this.#lost += 1;
      return;
    }
    if (this.#lost > 0) this.#waiting += this.#noticeOfLoss();
    this.#waiting += line;
    this.#schedule();
  }

  /** Calls back when all that was written so far is out, or has failed. */
  flush(callback: () => void): void {
    this.#whenWritten.push(callback);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#writing) return;
    if (this.#waiting.length >= BATCH || this.#whenWritten.length > 0) this.#writeWaiting();
    else if (this.#waiting !== '') this.#timer ??= setTimeout(() => this.#writeWaiting(), MAX_AGE);
  }

  #writeWaiting(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const bytes = Buffer.from(this.#waiting);
    this.#waiting = '';
    if (bytes.length > 0) {
      this.#writing = true;
      this.#writeBytes(bytes);
    } else {
      for (const callback of this.#whenWritten.splice(0)) callback();
    }
  }

  #writeBytes(bytes: Buffer): void {
    write(this.#descriptor, bytes, (error, written) => {
      if (error?.code === 'EAGAIN') setTimeout(() => this.#writeBytes(bytes), RETRY_AFTER);
      else if (error === null && written < bytes.length) this.#writeBytes(bytes.subarray(written));
      else {
        if (error !== null) this.#lost += bytes.toString().split('\n').length - 1;
        this.#writing = false;
        this.#schedule();
      }
    });
  }

  #noticeOfLoss(): string {
    const lines = this.#lost;
    this.#lost = 0;
    const notice = {
      level: 'warn',
      time: new Date().toISOString(),
      lines,
      msg: 'lines of the log were lost before this',
    };
    return `${JSON.stringify(notice)}\n`;
  }
}
