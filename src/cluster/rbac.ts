import {
  CoreV1Api,
  type KubeConfig,
  RbacAuthorizationV1Api,
  type RbacV1Subject,
  type V1ObjectMeta,
  type V1PolicyRule,
  type V1RoleRef,
} from '@kubernetes/client-node';
import { LABEL } from '../names.ts';
import type { ClusterView } from '../policy/lint-cluster.ts';
import type { RbacBinding, RbacRole, RbacRule, RbacSubject } from '../policy/rbac.ts';
import { apiFailure, makeClient } from './client.ts';

export interface ReadCluster {
  readonly view: ClusterView;
  /** What could not be listed, and why: `roles: 403 …`. */
  readonly missing: readonly string[];
}

/** These are whole collections of a cluster, and nobody waits for them but the admin who asked. */
const TIMEOUT_MS = 60_000;

/**
 * Lists what says who may do what: namespaces, roles and bindings. What cannot be listed is left out and told, as the
 * rest still shows what it shows.
 */
export async function readRbac(config: KubeConfig): Promise<ReadCluster> {
  const core = makeClient(config, CoreV1Api, TIMEOUT_MS);
  const rbac = makeClient(config, RbacAuthorizationV1Api, TIMEOUT_MS);
  const missing: string[] = [];
  const list = async <Item>(what: string, request: () => Promise<{ items: Item[] }>): Promise<Item[] | undefined> => {
    try {
      return (await request()).items;
    } catch (thrown) {
      missing.push(`${what}: ${apiFailure(thrown).text}`);
      return undefined;
    }
  };
  const [namespaces, roles, clusterRoles, bindings, clusterBindings] = await Promise.all([
    list('namespaces', () => core.listNamespace()),
    list('roles', () => rbac.listRoleForAllNamespaces()),
    list('clusterroles', () => rbac.listClusterRole()),
    list('rolebindings', () => rbac.listRoleBindingForAllNamespaces()),
    list('clusterrolebindings', () => rbac.listClusterRoleBinding()),
  ]);
  const view = {
    namespaces:
      namespaces && new Map(namespaces.map(({ metadata }) => [metadata?.name ?? '', metadata?.labels?.[LABEL.policy]])),
    rbac: {
      roles: [...(roles ?? []), ...(clusterRoles ?? [])].map(roleOf),
      bindings: [...(bindings ?? []), ...(clusterBindings ?? [])].map(bindingOf),
    },
    complete: [roles, clusterRoles, bindings, clusterBindings].every((each) => each !== undefined),
  };
  return { view, missing: missing.toSorted() };
}

function roleOf({ metadata, rules }: { metadata?: V1ObjectMeta; rules?: V1PolicyRule[] }): RbacRole {
  // `null` in an aggregated ClusterRole that nothing has been filled into.
  return { namespace: metadata?.namespace, name: metadata?.name ?? '', rules: (rules ?? []).map(ruleOf) };
}

function ruleOf({ verbs, apiGroups, resources, resourceNames }: V1PolicyRule): RbacRule {
  return { verbs, apiGroups: apiGroups ?? [], resources: resources ?? [], resourceNames: resourceNames ?? [] };
}

function bindingOf(binding: { metadata?: V1ObjectMeta; roleRef: V1RoleRef; subjects?: RbacV1Subject[] }): RbacBinding {
  const { metadata, roleRef, subjects } = binding;
  return {
    namespace: metadata?.namespace,
    name: metadata?.name ?? '',
    role: { kind: roleRef.kind, name: roleRef.name },
    subjects: (subjects ?? []).flatMap(subjectOf),
  };
}

function subjectOf({ kind, namespace, name }: RbacV1Subject): readonly RbacSubject[] {
  // The API server takes no other kinds.
  if (kind !== 'User' && kind !== 'Group' && kind !== 'ServiceAccount') return [];
  return [{ kind, namespace: kind === 'ServiceAccount' ? namespace : undefined, name }];
}
