import { readFile } from 'node:fs/promises';
import { Fault, reasonOf } from '../errors.ts';
import { formatProblem, type ReadPolicy, readPolicyText } from '../policy/read.ts';

/**
 * Reads a policy file.
 *
 * @throws Fault `FileInvalid` when it cannot be read, `PolicyInvalid` with a line for each problem when it is not a
 * policy that can be used
 */
export async function readPolicyFile(path: string): Promise<ReadPolicy> {
  const result = readPolicyText(await readText(path));
  if (result.ok) return result.read;
  const problems = result.problems.map(
    (problem) => `${path}:${problem.line === undefined ? ' ' : ''}${formatProblem(problem)}`,
  );
  throw new Fault('PolicyInvalid', problems.join('\n'));
}

/** @throws Fault `FileInvalid` */
export async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (thrown) {
    throw new Fault('FileInvalid', `${path} cannot be read: ${reasonOf(thrown)}`, { cause: thrown });
  }
}
