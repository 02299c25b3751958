/** An application on the AWS SDK for JavaScript: answers each line of its input with a line of JSON. */
import { createInterface } from 'node:readline';
import { GetObjectCommand, ListBucketsCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';

const sts = new STSClient({});
const s3 = new S3Client({});
const object = { Bucket: 'work', Key: 'from/js' };

const CALLS: Readonly<Record<string, () => Promise<unknown>>> = {
  ready: () => Promise.resolve(true),
  whoami: async () => (await sts.send(new GetCallerIdentityCommand({}))).Arn,
  list: async () => (await s3.send(new ListBucketsCommand({}))).Buckets?.map(({ Name }) => Name),
  put: async () => (await s3.send(new PutObjectCommand({ ...object, Body: 'js' }))).ETag,
  get: async () => (await s3.send(new GetObjectCommand(object))).Body?.transformToString(),
};

for await (const line of createInterface({ input: process.stdin })) {
  try {
    console.log(JSON.stringify({ answer: await CALLS[line]?.() }));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error) }));
  }
}
