import { configBody, createConnectorBody } from './requests.js';

describe('request bodies', () => {
  it('take numbers and booleans as text, and refuse structure', () => {
    expect(configBody.parse({ 'tasks.max': 1, a: true, b: null, c: 'x' })).toEqual({ 'tasks.max': '1', a: 'true', b: null, c: 'x' });
    expect(configBody.safeParse({ a: {} }).success).toBe(false);
    expect(configBody.safeParse({ a: [] }).success).toBe(false);
  });

  it('refuse a member that Connect does not know', () => {
    expect(createConnectorBody.safeParse({ name: 'c', config: {}, other: 1 }).success).toBe(false);
  });
});
