import { BrokerConfig } from './broker-config.js';
import { cordonedFolders } from './cordoned-folders.js';

const DIRS = { 'log.dirs': '/a,/b' };

describe('cordoned.log.dirs', () => {
  it.each([
    ['/a,/c,/d', 'Missing entries : /c, /d'],
    ['*,/a', 'must not contain other values'],
  ])('is refused as %s', (value, why) => {
    expect(() => new BrokerConfig({ ...DIRS, 'cordoned.log.dirs': value })).toThrow(expect.objectContaining({ code: 'INVALID_CONFIG', message: expect.stringMatching(new RegExp(`configuration cordoned.log.dirs: .*${why}`)) }));
  });

  it('counts log.dir where there is no log.dirs', () => {
    expect(() => new BrokerConfig({ 'log.dir': '/a', 'cordoned.log.dirs': '/a' })).not.toThrow();
    expect(() => new BrokerConfig({ 'log.dir': '/a', 'cordoned.log.dirs': '/b' })).toThrow('Missing entries : /b');
  });

  it('means all, some, or none', () => {
    const dirs = ['/a', '/b'];
    expect(cordonedFolders(['*'], dirs)).toEqual(dirs);
    expect(cordonedFolders(['/b', '/gone'], dirs)).toEqual(['/b']);
    expect(cordonedFolders([], dirs)).toEqual([]);
  });
});
