import { z } from 'zod';

export const nameSchema = z
  .string()
  .min(1)
  .max(63)
  .regex(/^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/)
  .describe('Name of the rule, as it shows in audit annotations, logs and messages.');
