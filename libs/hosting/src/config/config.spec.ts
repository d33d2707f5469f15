import { fromEnvironment, loadConfig } from './load-config.js';
import { parseProperties } from './properties.js';

describe('settings', () => {
  it('reads what java.util.Properties reads', () => {
    const text = ['# comment', '! comment', 'a=1', ' b : two words ', 'c three', 'long=one,\\', '   two', 'path=C\\:\\\\x\\ty', 'uni=\\u00e4', 'empty=', 'k\\=ey=v', 'alone'].join('\n');
    expect(parseProperties(text)).toEqual({ a: '1', b: 'two words ', c: 'three', long: 'one,two', path: 'C:\\x\ty', uni: 'ä', empty: '', 'k=ey': 'v', alone: '' });
  });

  it('turns environment variables into settings by the rule of container images', () => {
    expect(fromEnvironment('CONNECT_', { CONNECT_GROUP_ID: 'g', CONNECT_A__B___C: 'x', OTHER: 'y' })).toEqual({ 'group.id': 'g', 'a-b_c': 'x' });
  });

  it('lets the later source win, and says which override is not one', () => {
    expect(loadConfig({ defaults: { a: '1', b: '1' }, environmentPrefix: 'K_', environment: { K_B: '2' }, overrides: ['c=3=4'] })).toEqual({ a: '1', b: '2', c: '3=4' });
    expect(() => loadConfig({ overrides: ['nothing'] })).toThrow('"nothing" is not of the form key=value');
    expect(() => loadConfig({ file: '/nowhere/x.properties' })).toThrow('/nowhere/x.properties');
  });
});
