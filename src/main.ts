#!/usr/bin/env node
/**
 * The program. What runs in every pod is kept apart from the command line of the others: it does without that one's
 * libraries.
 */
const [, , ...args] = process.argv;

if (args[0] === 'session') await (await import('./commands/session.ts')).session(args.slice(1));
else await (await import('./command-line.ts')).main(args);
