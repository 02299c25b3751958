/** Kubernetes API reference, "Quantity": decimal suffixes as powers of ten, binary ones as powers of two. */
const DECIMAL: ReadonlyMap<string, number> = new Map([
  ['n', -9],
  ['u', -6],
  ['m', -3],
  ['', 0],
  ['k', 3],
  ['M', 6],
  ['G', 9],
  ['T', 12],
  ['P', 15],
  ['E', 18],
]);
const BINARY: ReadonlyMap<string, bigint> = new Map([
  ['Ki', 10n],
  ['Mi', 20n],
  ['Gi', 30n],
  ['Ti', 40n],
  ['Pi', 50n],
  ['Ei', 60n],
]);

const QUANTITY = /^([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,3})|([A-Za-z]{0,2}))$/;

/** More digits than any quantity has; the value of a longer one would take time to work out. */
const MAX_LENGTH = 64;

/** The API server's precision, which is also what it cuts smaller quantities to. */
const NANO = 9;

/**
 * The value of a quantity, in billionths, so that no two quantities of different values are taken for one; undefined
 * for what is none. What is smaller than a billionth is rounded away from zero, as the API server does.
 */
export function nanosOf(text: string): bigint | undefined {
  const match = text.length > MAX_LENGTH ? null : QUANTITY.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = '', fraction = '', exponent, suffix = ''] = match;
  if (whole === '' && fraction === '') return undefined;
  const binary = BINARY.get(suffix);
  const decimal = exponent === undefined ? DECIMAL.get(suffix) : Number(exponent);
  if (binary === undefined && decimal === undefined) return undefined;
  const digits = BigInt(whole + fraction) << (binary ?? 0n);
  const power = NANO + (decimal ?? 0) - fraction.length;
  const nanos = power >= 0 ? digits * 10n ** BigInt(power) : roundedUp(digits, 10n ** BigInt(-power));
  return sign === '-' ? -nanos : nanos;
}

function roundedUp(value: bigint, divisor: bigint): bigint {
  return (value + divisor - 1n) / divisor;
}

/** The value of a quantity that fits the schema, for comparing sizes. */
export function quantityOf(text: string): number {
  const nanos = nanosOf(text);
  return nanos === undefined ? Number.NaN : Number(nanos) / 1e9;
}

/**
 * A quantity as the API server stores it, with the largest suffix that leaves no fraction (apimachinery,
 * `Quantity.CanonicalizeBytes`): what is planned must be what is found again.
 *
 * @param text fits the schema
 */
export function canonicalQuantity(text: string): string {
  const nanos = nanosOf(text);
  if (nanos === undefined || nanos === 0n) return nanos === undefined ? text : '0';
  const whole = nanos / BILLION;
  if (text.endsWith('i') && whole * BILLION === nanos) {
    const [units, suffix] = largest(whole, 1024n, ['', ...BINARY.keys()]);
    return `${units}${suffix}`;
  }
  const [units, suffix] = largest(nanos, 1000n, [...DECIMAL.keys()]);
  return `${units}${suffix}`;
}

const BILLION = 1_000_000_000n;

/** Divides for as long as nothing is left over and there is a suffix for it. */
function largest(value: bigint, step: bigint, suffixes: readonly string[]): readonly [bigint, string] {
  let units = value;
  let index = 0;
  while (index < suffixes.length - 1 && units % step === 0n) {
    units /= step;
    index += 1;
  }
  return [units, suffixes[index] ?? ''];
}
