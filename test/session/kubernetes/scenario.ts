import { join } from 'node:path';

/** What a person does with kubectl, as a shell script that runs in a pod too; see its head. */
export const SCENARIO = join(import.meta.dirname, 'scenario.sh');

/** What the pod of its part `pod` runs, in an image with BusyBox and a directory `/tmp` that can be written to. */
export const TARGET = [
  'sh',
  '-c',
  'mkdir -p /tmp/www && echo served > /tmp/www/index.html && httpd -p 8080 -h /tmp/www && ' +
    'while :; do echo tick; sleep 1; done',
];
