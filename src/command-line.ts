import { Command, CommanderError } from 'commander';
import { Fault } from './errors.ts';

/** Each command is loaded when it is the one that runs, so that none pays for another's libraries. */
const COMMANDS: Readonly<Record<string, () => Promise<{ command: () => Command }>>> = {
  webhook: () => import('./commands/webhook.ts'),
  check: () => import('./commands/check.ts'),
  policy: () => import('./commands/policy.ts'),
  bootstrap: () => import('./commands/bootstrap.ts'),
  manifests: () => import('./commands/manifests.ts'),
  keys: () => import('./commands/keys.ts'),
  stamp: () => import('./commands/stamp.ts'),
  restamp: () => import('./commands/restamp.ts'),
  preflight: () => import('./commands/preflight.ts'),
  iam: () => import('./commands/iam.ts'),
  local: () => import('./commands/local.ts'),
};

/** Exit status of a command that could not do its work, as opposed to one that decided against something (1). */
const EXIT_FAULT = 2;

async function parse(args: readonly string[]): Promise<void> {
  const program = new Command('countersign')
    .description('Binds each AI agent pod to the one human it acts for.')
    .addHelpText(
      'after',
      '\nWhat runs in pods, and instead of it elsewhere: countersign session --help\n' +
        '\nExample:\n  countersign check -f pod.yaml --policy policy.yaml --as oidc:alice@example.com',
    )
    .exitOverride();
  const [asked = ''] = args;
  const chosen = Object.hasOwn(COMMANDS, asked) ? COMMANDS[asked] : undefined;
  const loaders = chosen === undefined ? Object.values(COMMANDS) : [chosen];
  for (const { command } of await Promise.all(loaders.map((load) => load()))) {
    // Sub-commands do not take over the parent's settings.
    program.addCommand(throwing(command()));
  }
  await program.parseAsync(args, { from: 'user' });
}

function throwing(command: Command): Command {
  command.exitOverride();
  command.commands.forEach(throwing);
  return command;
}

/** Runs what the arguments ask for, and sets the exit status. */
export async function main(args: readonly string[]): Promise<void> {
  try {
    await parse(args);
  } catch (thrown) {
    if (thrown instanceof CommanderError) {
      // Commander has printed what was wrong, with the nearest match, or the help that was asked for.
      process.exitCode = thrown.exitCode === 0 ? 0 : EXIT_FAULT;
    } else if (thrown instanceof Fault) {
      console.error(`countersign: [${thrown.code}] ${thrown.message}`);
      process.exitCode = EXIT_FAULT;
    } else {
      throw thrown;
    }
  }
}
