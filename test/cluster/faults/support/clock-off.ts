/**
 * Loaded into a process by `--import=…/clock-off.ts?minutes=10`: its clock is so many minutes ahead, or behind when that
 * is negative. What measures time that passes is left alone, as it is where a clock is set wrongly.
 */
const milliseconds = Number(new URL(import.meta.url).searchParams.get('minutes')) * 60_000;
if (!Number.isFinite(milliseconds) || milliseconds === 0) throw new Error('how far off the clock is must be said');

const RealDate = Date;

class WrongDate extends RealDate {
  constructor(...given: unknown[]) {
    if (given.length === 0) super(WrongDate.now());
    else super(...(given as [number]));
  }

  static override now(): number {
    return RealDate.now() + milliseconds;
  }
}

globalThis.Date = WrongDate as DateConstructor;
