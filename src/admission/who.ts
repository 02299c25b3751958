import type { Denial } from '../denials.ts';

/**
 * Whether a requester that is nobody's identity may still hand on somebody else's name: a machine without a claim. One
 * that claims, or is a session, or cannot be read, is refused for that.
 */
export function isHandOn({ code }: Denial): boolean {
  return code === 'NotHuman' || code === 'DelegatorNamedNobody';
}
