/**
 * Makes a development authority and a serving certificate in this directory, without OpenSSL:
 *
 *     npm run certs                      for localhost, 127.0.0.1 and ::1
 *     npm run certs -- my.host 10.1.2.3  for these as well
 *
 * Every run makes a new authority, so whatever trusted the old one needs the new ca.pem.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join, relative } from 'node:path';
import { createAuthority, describeCertificate, issueServing } from '../src/tls/authority.ts';

const DAYS = 90;

const more = process.argv.slice(2);
const unusable = more.filter((name) => isIP(name) === 0 && !/^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(name));
if (unusable.length > 0) {
  console.error(`Neither a host name nor an IP address: ${unusable.join(', ')}. Usage: npm run certs -- [NAME…]`);
  process.exit(2);
}

const now = new Date();
const names = [...new Set(['localhost', '127.0.0.1', '::1', ...more])];
const authority = await createAuthority({ commonName: 'Countersign development CA', days: DAYS, now });
const serving = await issueServing({
  authority,
  dnsNames: names.filter((name) => isIP(name) === 0),
  ipAddresses: names.filter((name) => isIP(name) !== 0),
  days: DAYS,
  now,
});

write('ca.pem', authority.certificate);
write('ca-key.pem', authority.key, 0o600);
write('tls.pem', serving.certificate);
write('tls-key.pem', serving.key, 0o600);
console.log(`Valid for ${names.join(', ')} until ${describeCertificate(serving.certificate).notAfter.toISOString()}.`);

function write(file: string, pem: string, mode = 0o644): void {
  const path = join(import.meta.dirname, file);
  // The mode counts only for a new file, and an existing link must not lead the key elsewhere.
  rmSync(path, { force: true });
  writeFileSync(path, pem, { mode, flag: 'wx' });
  console.log(relative(process.cwd(), path));
}
