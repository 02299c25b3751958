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
