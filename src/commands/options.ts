import { InvalidArgumentError } from 'commander';
import { Fault } from '../errors.ts';

/**
 * The value of an option that a command cannot do without.
 *
 * Checked here and not by the command line library, which would complain of the missing `--policy` before it says that
 * `--polcy` is unknown.
 *
 * @throws Fault `UsageInvalid`
 */
export function needed(value: string | undefined, option: string): string {
  if (value === undefined) throw new Fault('UsageInvalid', `${option} is needed; see --help`);
  return value;
}

const UNIT_MS = { s: 1_000, m: 60_000 };

/** Reads a time, such as `120`, `120s` or `3m`. @returns milliseconds */
export function duration(text: string): number {
  const [, digits, unit = 's'] = /^(\d{1,5})(s|m)?$/.exec(text) ?? [];
  if (digits === undefined) throw new InvalidArgumentError('Give seconds or minutes, such as 120s or 3m.');
  return Number(digits) * UNIT_MS[unit as keyof typeof UNIT_MS];
}
