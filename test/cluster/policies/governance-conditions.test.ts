import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ANNOTATION, LABEL, OBJECT } from '../../../src/names.ts';
import { Countersign } from '../admission/support/countersign.ts';
import type { Person } from '../admission/support/person.ts';
import { connect } from '../fixture.ts';
import { until } from '../until.ts';
import { type Recorder, startRecorder } from './support/recorder.ts';
import { renderedConfigurations } from './support/rendered.ts';
import { grant, revoke } from './support/rights.ts';

const cluster = connect();
const NAMESPACES = '/api/v1/namespaces';
const POLICY = { [LABEL.policy]: 'any' };
const DATE = { [ANNOTATION.governedSince]: '2026-11-22T20:00:00.000Z' };

describe.skipIf(cluster.unavailable)('about namespaces Countersign is asked', () => {
  const people = new Countersign(cluster);
  let recorder: Recorder;
  /** Changes namespaces, and may not govern. */
  let nora: Person;
  let role: string;
  let dated: string;
  let undated: string;
  let free: string;

  beforeAll(async () => {
    dated = await create({ labels: POLICY, annotations: DATE });
    undated = await create({ labels: POLICY });
    free = await create({});
    nora = await people.person('nora@acme.com');
    role = await grant(people, 'nora@acme.com', [
      { apiGroups: [''], resources: ['namespaces', 'namespaces/status'], verbs: ['patch'] },
    ]);
    recorder = await startRecorder(cluster, people.admin, renderedConfigurations());
    await until('the API server asks', () => isAsked(undated, { labels: { a: 'b' } }));
  });
  afterAll(async () => {
    await recorder?.stop();
    await revoke(people, role);
  });

  async function create(metadata: object): Promise<string> {
    const body = { metadata: { generateName: 'test-', ...metadata } };
    const answer = await people.admin.call<{ metadata: { name: string } }>('POST', NAMESPACES, { body });
    return answer.body.metadata.name;
  }

  async function isAsked(path: string, metadata: object, as: Person = people.administrator): Promise<boolean> {
    const before = recorder.asked.length;
    const { status, body } = await as.api.call('PATCH', `${NAMESPACES}/${path}?dryRun=All`, { body: { metadata } });
    if (status !== 200) throw new Error(body.message);
    return recorder.asked.slice(before).some(({ webhook }) => webhook === 'namespaces.countersign.dev');
  }

  it('that are made under a policy, and no others', async () => {
    const asked = async (labels: object) => {
      const before = recorder.asked.length;
      await people.admin.call('POST', `${NAMESPACES}?dryRun=All`, { body: { metadata: { name: 'is-made', labels } } });
      return recorder.asked.slice(before).map(({ operation, resource }) => `${operation} ${resource}`);
    };
    expect(await asked(POLICY)).toEqual(['CREATE namespaces']);
    expect(await asked({ team: 'red' })).toEqual([]);
  });

  it('that are put under a policy, or another one', async () => {
    expect(await isAsked(free, { labels: POLICY })).toBe(true);
    expect(await isAsked(dated, { labels: { [LABEL.policy]: 'other' } })).toBe(true);
  });

  it('whose date is missing, changed or taken away', async () => {
    expect(await isAsked(undated, { labels: { team: 'red' } })).toBe(true);
    expect(await isAsked(dated, { annotations: { [ANNOTATION.governedSince]: '2020-01-01T00:00:00.000Z' } })).toBe(
      true,
    );
    expect(await isAsked(dated, { annotations: { [ANNOTATION.governedSince]: null } })).toBe(true);
  });

  it('not when governance ends, which must work also while it is away', async () => {
    expect(await isAsked(dated, { labels: { [LABEL.policy]: null } })).toBe(false);
    expect(
      await isAsked(dated, { labels: { [LABEL.policy]: null }, annotations: { [ANNOTATION.governedSince]: null } }),
    ).toBe(false);
  });

  it('not when nothing of that is changed', async () => {
    expect(await isAsked(dated, { labels: { team: 'red', [LABEL.mode]: 'warn' } })).toBe(false);
    expect(await isAsked(free, { labels: { team: 'red' } })).toBe(false);
    expect(await isAsked(`${dated}/status`, { annotations: { a: 'b' } })).toBe(false);
  });

  it('not when who changes them may not govern: nothing of it would be admitted', async () => {
    expect(await isAsked(undated, { labels: { team: 'red' } }, nora)).toBe(false);
  });

  it.each(['kube-system', OBJECT.namespace])('not when it is %s', async (name) => {
    await people.admin.call('POST', NAMESPACES, { body: { metadata: { name } } });
    expect(await isAsked(name, { labels: POLICY })).toBe(false);
  });
});
