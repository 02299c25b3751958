import { invalid } from './query.ts';
import { Refusal } from './refusal.ts';

/** What STS demands of parameters before it looks at any policy (the constraints of its API model). */

const WORD = String.raw`[\w+=,.@-]*`;

export function checkRoleArn(value: string): string {
  checkLength('roleArn', value, 20, 2048);
  if (!/^arn:aws:iam::\d{12}:role\/[\w+=,.@/-]+$/.test(value))
    throw new Refusal(400, 'ValidationError', `${value} is invalid`);
  return value;
}

export function checkRoleSessionName(value: string): string {
  return checkWord('roleSessionName', value);
}

export function checkSourceIdentity(value: string): string {
  if (value.startsWith('aws:'))
    throw invalid("Value at 'sourceIdentity' must not begin with the reserved prefix 'aws:'");
  return checkWord('sourceIdentity', value);
}

export function checkDuration(value: string | undefined): number {
  if (value === undefined) return 3600;
  const seconds = /^\d+$/.test(value) ? Number(value) : Number.NaN;
  if (!(seconds >= 900))
    throw constraint('durationSeconds', value, 'Member must have value greater than or equal to 900');
  if (seconds > 43_200)
    throw constraint('durationSeconds', value, 'Member must have value less than or equal to 43200');
  return seconds;
}

export function checkWebIdentityToken(value: string): string {
  checkLength('webIdentityToken', value, 4, 20_000);
  return value;
}

const MOST_TAGS = 50;
const TAG = String.raw`[\p{L}\p{Z}\p{N}_.:/=+\-@]*`;

/** Tags, and which of them are transitive: keys compare without regard to case, as in IAM. */
export function checkTags(tags: readonly { key: string; value: string }[], transitive: readonly string[]): void {
  if (tags.length > MOST_TAGS)
    throw invalid(`Value at 'tags' failed to satisfy constraint: at most ${MOST_TAGS} members`);
  const keys = new Set<string>();
  for (const { key, value } of tags) {
    checkLength('tags.key', key, 1, 128);
    checkLength('tags.value', value, 0, 256);
    checkPattern('tags.key', key, TAG);
    checkPattern('tags.value', value, TAG);
    if (/^aws:/i.test(key)) throw invalid(`Value '${key}' at 'tags.key' begins with the reserved prefix 'aws:'`);
    if (keys.has(key.toLowerCase())) throw invalid(`Duplicate tag keys found: ${key}`);
    keys.add(key.toLowerCase());
  }
  const stranger = transitive.find((key) => !keys.has(key.toLowerCase()));
  if (stranger !== undefined) throw invalid(`The transitive tag key ${stranger} is not among the requested tags.`);
}

/** How much room tags may take; AWS packs them and does not say how, so this is the plain size against 2,048 bytes. */
const PACKED_BYTES = 2048;

/** @returns how much of the room is used, in percent */
export function checkPackedSize(tags: Iterable<readonly [string, string]>): number {
  const bytes = Array.from(tags, ([key, value]) => Buffer.byteLength(key + value)).reduce((sum, each) => sum + each, 0);
  const percent = Math.ceil((100 * bytes) / PACKED_BYTES);
  if (percent > 100) {
    throw new Refusal(400, 'PackedPolicyTooLarge', `Packed policy consumes ${percent}% of allotted space.`);
  }
  return percent;
}

function checkWord(name: string, value: string): string {
  checkLength(name, value, 2, 64);
  checkPattern(name, value, WORD);
  return value;
}

function checkLength(name: string, value: string, least: number, most: number): void {
  if (value.length < least) throw constraint(name, value, `Member must have length greater than or equal to ${least}`);
  if (value.length > most) throw constraint(name, value, `Member must have length less than or equal to ${most}`);
}

function checkPattern(name: string, value: string, pattern: string): void {
  if (new RegExp(`^${pattern}$`, 'u').test(value)) return;
  throw constraint(name, value, `Member must satisfy regular expression pattern: ${pattern}`);
}

function constraint(name: string, value: string, rule: string): Refusal {
  return invalid(`Value '${value}' at '${name}' failed to satisfy constraint: ${rule}`);
}
