import type { Content } from '../lineage/content.ts';
import type { WorkloadKind } from '../lineage/kinds.ts';
import type { Scene } from '../lineage/scene.ts';
import type { Review } from './review.ts';
import type { Governed } from './scene.ts';
import type { Written } from './written.ts';

/** What is being written, and all that is known about it. */
export interface Submission {
  readonly review: Review;
  readonly kind: WorkloadKind;
  readonly governance: Governed;
  readonly scene: Scene;
  readonly written: Written;
  readonly content: Content;
  /** Of the object as it was; undefined for a new one. */
  readonly before: Content | undefined;
}
