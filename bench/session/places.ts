import type { Places } from '../../src/session/places.ts';

/** Stands in for `src/session/places.ts` in the bundle that is measured: one session's places are a directory's. */
export const POD_PLACES = JSON.parse(process.env['BENCH_PLACES'] ?? '') as Places;
