import { z } from 'zod';
import { CARRIER_PRESETS } from '../lineage/kinds.ts';
import { nameSchema as name } from './schema-name.ts';

/** The parts of a policy that say which controllers may do what, and of which kinds. */

const apiGroup = z
  .string()
  .max(253)
  .regex(/^([a-z0-9]([a-z0-9.-]*[a-z0-9])?)?$/)
  .describe('API group; empty for the core group.');
const kindName = z
  .string()
  .max(63)
  .regex(/^[A-Z][A-Za-z0-9]*$/)
  .describe('Kind, such as Job.');
const groupKind = z.strictObject({ group: apiGroup, kind: kindName });

const fieldPath = z
  .string()
  .max(253)
  .regex(/^[A-Za-z][A-Za-z0-9]*(\.([A-Za-z][A-Za-z0-9]*|\*))*$/)
  .describe('Path of a field, such as spec.template; * stands for each item of a list.');

/** Exact: a pattern for the few identities that may hand on a human's name would be asking for trouble. */
const username = z.string().min(1).max(512).describe('Username, compared as a whole.');

export const carrierSchema = z
  .strictObject({
    name,
    username,
    preset: z
      .enum(CARRIER_PRESETS)
      .optional()
      .describe('A controller whose kinds are known, instead of owner and child.'),
    owner: groupKind.optional().describe('Kind of the objects that it makes children for.'),
    child: groupKind.optional().describe('Kind of the children.'),
  })
  .refine((value) => (value.preset === undefined) === (value.owner !== undefined && value.child !== undefined), {
    message: 'needs either preset, or owner and child',
  })
  .refine((value) => value.preset === undefined || (value.owner === undefined && value.child === undefined), {
    message: 'owner and child are fixed by the preset',
  });

export const adjusterSchema = z.strictObject({
  name,
  username,
  fields: z
    .array(fieldPath)
    .min(1)
    .max(32)
    .describe('Fields of the pod template that it may change, such as spec.nodeSelector.'),
});

export const workloadSchema = z
  .strictObject({
    group: apiGroup,
    versions: z
      .array(z.string().regex(/^v[0-9]+((alpha|beta)[0-9]+)?$/))
      .min(1)
      .max(8)
      .describe('Versions in which it is served, the one to read it by first.'),
    kind: kindName,
    resource: z
      .string()
      .max(63)
      .regex(/^[a-z][a-z0-9]*$/)
      .describe('Plural, as in the path of the API.'),
    template: fieldPath.optional().describe('Where its pod templates are.'),
    fields: z.array(fieldPath).min(1).max(64).optional().describe('Strings that a stamp covers, without a template.'),
    spec: z.literal(true).optional().describe('Without a template: a stamp covers the whole spec.'),
  })
  .refine((value) => [value.template, value.fields, value.spec].filter((part) => part !== undefined).length === 1, {
    message: 'needs exactly one of template, fields, spec',
  });
