// Installs what the lock file names, when it is not installed yet, and then runs the command that it is given:
//   node .ci/setup.mjs [COMMAND [ARGUMENT…]]
// It runs under whatever Node the machine has (20 or later), so it uses nothing but that; the command finds the locked
// Node 26 in node_modules/.bin. (`pre` scripts cannot do this: npm skips them where install scripts are switched off.)
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const marker = join(root, 'node_modules', '.countersign-lock');
const lock = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .digest('hex');

if (!existsSync(marker) || readFileSync(marker, 'utf8') !== lock) {
  console.error('Installing dependencies (once per lock file) …');
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  // Not `npm ci`: it insists on lock entries for every platform's optional binaries, also those that a registry
  // mirror does not carry. `npm install --no-save` installs the locked versions and changes no file of ours.
  // EBADENGINE warnings (hidden) are about the system's Node, which runs nothing but this installation.
  const result = spawnSync(npm, ['install', '--no-save', '--ignore-scripts', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (result.status !== 0) {
    console.error('npm install failed; its message is above. Is the package registry reachable?');
    process.exit(result.status ?? 1);
  }
  writeFileSync(marker, lock);
}

const [major, minor] = process.versions.node.split('.').map(Number);
const bundled = existsSync(join(root, 'node_modules', '.bin', 'node'));
if (!bundled && (major < 24 || (major === 24 && minor < 12))) {
  console.error(
    `No locked Node for ${process.platform}-${process.arch} exists, and this machine's Node ${process.versions.node} ` +
      'cannot run TypeScript. Install Node 24.12 or later and try again.',
  );
  process.exit(1);
}

const [command, ...args] = process.argv.slice(2);
if (command !== undefined) {
  const path = `${join(root, 'node_modules', '.bin')}${delimiter}${process.env.PATH ?? ''}`;
  const child = spawn(command, args, { stdio: 'inherit', env: { ...process.env, PATH: path } });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    console.error(`${command} cannot be started: ${error.message}`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 143);
  });
}
