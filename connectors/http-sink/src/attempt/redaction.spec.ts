import { Redaction } from './redaction.js';

test('a secret that an endpoint sends back is taken out', () => {
  const redaction = new Redaction();
  redaction.add('s3cret-token', 'abc', undefined);
  expect(redaction.apply('you sent s3cret-token and abc, s3cret-token')).toBe('you sent [hidden] and abc, [hidden]');
});
