import { BUILT_IN_CARRIERS } from '../../../../src/lineage/kinds.ts';

/** The accounts of the built-in carriers, each once. */
export const CARRIERS: readonly string[] = [...new Set(BUILT_IN_CARRIERS.map(({ username }) => username))].filter(
  (username) => username.startsWith('system:serviceaccount:'),
);
