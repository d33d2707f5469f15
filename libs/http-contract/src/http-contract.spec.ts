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

  it('take a connector without a name, and an initial state in any case', () => {
    expect(createConnectorBody.parse({ config: {} })).toEqual({ name: '', config: {} });
    expect(createConnectorBody.parse({ name: 7, config: {}, initial_state: 'Paused' })).toEqual({ name: '7', config: {}, initial_state: 'Paused' });
    expect(createConnectorBody.safeParse({ name: 'c', config: {}, initial_state: 'JUNK' }).success).toBe(false);
  });
});
