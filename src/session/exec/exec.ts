import { Fault, reasonOf } from '../../errors.ts';
import { ENV } from '../../names.ts';
import { type ExecArguments, readArguments } from './arguments.ts';
import { launch, Signals, statusOfFailedStart } from './launch.ts';
import { readExecSettings } from './settings.ts';

/** All of the start. A profile, or a kubeconfig's command, may ask a person to log in. */
const START_WITHIN_MS = 120_000;

/**
 * `countersign session exec`: runs a command in the name of `FAB_OPERATOR`, without a webhook; on a laptop, in CI, or
 * by a runtime that starts its own sessions. Without that variable the command runs as if we were not there.
 *
 * Ends the process with the command's status.
 *
 * @throws Fault when the session cannot be opened; the command has not run then
 */
export async function exec(args: readonly string[]): Promise<never> {
  const wanted = readArguments(args);
  const signals = new Signals();
  // Set to nothing is not unset: a runtime that lost the name must not start agents in nobody's.
  if (process.env[ENV.operator] === undefined) return process.exit(await untouched(wanted, signals));
  const settings = readExecSettings(process.env, wanted.renew);
  // Loaded here, because a command that runs untouched does not need it.
  const { openSession } = await import('./session.ts');
  const env = await openSession(settings, wanted, AbortSignal.timeout(START_WITHIN_MS));
  try {
    return process.exit(await launch(wanted, signals, env));
  } catch (thrown) {
    throw new Fault('UsageInvalid', cannotRun(wanted, thrown), { cause: thrown });
  }
}

async function untouched(wanted: ExecArguments, signals: Signals): Promise<number> {
  try {
    return await launch(wanted, signals);
  } catch (thrown) {
    console.error(`countersign: [UsageInvalid] ${cannotRun(wanted, thrown)}`);
    return statusOfFailedStart(thrown);
  }
}

function cannotRun({ command }: ExecArguments, thrown: unknown): string {
  return `"${command}" cannot be run: ${reasonOf(thrown)}. Next: name a program that is in PATH, or its path`;
}
