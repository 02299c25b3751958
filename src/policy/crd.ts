import { z } from 'zod';
import { API, LABEL } from '../names.ts';
import { policySpecSchema } from './schema.ts';

type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** The CustomResourceDefinition of AttributionPolicy, made from the schema. */
export function policyCrd(): Json {
  const spec = structural(z.toJSONSchema(policySpecSchema, { target: 'openapi-3.0', io: 'input' }) as Json);
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${API.policyPlural}.${API.group}` },
    spec: {
      group: API.group,
      scope: 'Cluster',
      names: {
        kind: API.policyKind,
        listKind: `${API.policyKind}List`,
        plural: API.policyPlural,
        singular: API.policySingular,
        categories: ['countersign'],
      },
      versions: [
        {
          name: API.version,
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: {
              type: 'object',
              description: `Says which human stands behind the pods of the namespaces whose label ${LABEL.policy} names it.`,
              required: ['spec'],
              properties: {
                apiVersion: { type: 'string' },
                kind: { type: 'string' },
                metadata: { type: 'object' },
                spec,
              },
            },
          },
          additionalPrinterColumns: [
            { name: 'Identity', type: 'string', jsonPath: '.spec.session.identity' },
            { name: 'Delivery', type: 'string', jsonPath: '.spec.session.delivery' },
            { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
          ],
        },
      ],
    },
  };
}

/**
 * Makes a structural schema of a JSON schema. The API server does not take `additionalProperties: false` beside
 * `properties`. By itself it would drop unknown fields, and a rule whose `groups` is misspelt would then match
 * everybody; so it is told to keep them, and the webhook, which sees them, refuses. Left out are also defaults (a stored policy
 * keeps saying what its author wrote; the program fills defaults in when it reads).
 * Source: Kubernetes documentation, "Specifying a structural schema".
 */
function structural(schema: Json): Json {
  if (Array.isArray(schema)) return schema.map(structural);
  if (schema === null || typeof schema !== 'object') return schema;
  const out: { [key: string]: Json } = {};
  for (const [key, value] of Object.entries(schema)) {
    if (key === '$schema' || key === 'default' || key === 'propertyNames') continue;
    if (key === 'additionalProperties' && value === false) {
      out['x-kubernetes-preserve-unknown-fields'] = true;
      continue;
    }
    if (key === 'properties') {
      out[key] = Object.fromEntries(
        Object.entries(value as object).map(([name, child]) => [name, structural(child as Json)]),
      );
    } else {
      out[key] = structural(value);
    }
  }
  return out;
}
