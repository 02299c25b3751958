import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readXml } from '../../../src/session/sts/xml.ts';

const ANSWER = `<?xml version="1.0" encoding="UTF-8"?>
<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleResult>
    <SourceIdentity>alice@acme.com</SourceIdentity>
    <Empty/>
    <AlsoEmpty></AlsoEmpty>
  </AssumeRoleResult>
  <ResponseMetadata><RequestId>c6104cbe</RequestId></ResponseMetadata>
</AssumeRoleResponse>
`;

describe('answers of STS', () => {
  test('fields have their path', () => {
    expect(Object.fromEntries(readXml(ANSWER))).toEqual({
      'AssumeRoleResponse/AssumeRoleResult/SourceIdentity': 'alice@acme.com',
      'AssumeRoleResponse/AssumeRoleResult/Empty': '',
      'AssumeRoleResponse/AssumeRoleResult/AlsoEmpty': '',
      'AssumeRoleResponse/ResponseMetadata/RequestId': 'c6104cbe',
    });
  });

  test.for([
    ['nothing', ''],
    ['text', 'Service Unavailable'],
    ['a page', '<!DOCTYPE html><html></html>'],
    ['an entity of its own', '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'],
    ['an entity that XML does not have', '<a>&copy;</a>'],
    ['an ampersand alone', '<a>&</a>'],
    ['a character beyond Unicode', '<a>&#x110000;</a>'],
    ['a comment, in which anything can hide', '<a><!-- <b>c</b> --></a>'],
    ['a section of characters', '<a><![CDATA[b]]></a>'],
    ['an element that does not end', '<a><b>c</b>'],
    ['an element that ends as another', '<a><b>c</a></b>'],
    ['an end without a beginning', '</a>'],
    ['text after an element', '<a><b>c</b>d</a>'],
    ['an element after text', '<a>d<b>c</b></a>'],
    ['depth', `${'<a>'.repeat(17)}b${'</a>'.repeat(17)}`],
    ['a declaration inside', '<a><?xml version="1.0"?></a>'],
  ] as const)('no answer: %s', ([, text]) => {
    expect(() => readXml(text)).toThrow('not XML as STS writes it');
  });

  test('a field that is there twice, of which a reader might take either', () => {
    const twice = '<a><SourceIdentity>alice</SourceIdentity><SourceIdentity>mallory</SourceIdentity></a>';
    expect(() => readXml(twice)).toThrow('a/SourceIdentity twice');
  });

  test('whatever a value holds, it comes back, and makes no other field', () => {
    const escaped = (value: string) =>
      value.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`).replaceAll('\r', '&#xD;');
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        expect([...readXml(`<a><b>${escaped(value)}</b></a>`)]).toEqual([['a/b', value]]);
      }),
    );
  });

  test('whatever comes, it ends', () => {
    const piece = fc.constantFrom('<a>', '</a>', '<b/>', '&amp;', '&', '<', '>', 'x', ' ', '<!', '<?xml ', '?>');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 200 }), (pieces) => {
        try {
          expect(readXml(pieces.join('')).size).toBeGreaterThan(0);
        } catch (thrown) {
          expect(String(thrown)).toMatch(/not XML|twice/);
        }
      }),
    );
  });
});
