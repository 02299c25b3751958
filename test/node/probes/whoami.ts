/**
 * An application that uses AWS as most do: with nothing but the SDK's defaults. It prints whose session it has, and
 * whether a call with it is let through.
 *
 *     node /probes/whoami.js ENDPOINT
 */
import { ListBucketsCommand, S3Client } from '@aws-sdk/client-s3';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';

const [, , endpoint = ''] = process.argv;
const options = { endpoint, region: 'eu-central-1' };
const { Arn } = await new STSClient(options).send(new GetCallerIdentityCommand({}));
const { Buckets = [] } = await new S3Client({ ...options, forcePathStyle: true }).send(new ListBucketsCommand({}));
console.log(`${Arn} ${Buckets.length}`);
