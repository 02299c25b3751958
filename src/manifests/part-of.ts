/** As kustomize adds it; here too, so that what is applied without kustomize is the same. */
export const PART_OF = { 'app.kubernetes.io/part-of': 'countersign' };
