import { isLoopback, restSettings } from './rest-settings.js';

describe('REST settings', () => {
  it('listens on the loopback address unless told otherwise', () => {
    expect(restSettings({})).toEqual({ host: '127.0.0.1', port: 8083, advertisedUrl: 'http://127.0.0.1:8083/', servesAdmin: true });
    expect(isLoopback(restSettings({}).host)).toBe(true);
  });

  it.each([
    ['HTTP://:8083', '0.0.0.0', 8083, 'http://127.0.0.1:8083/'],
    ['http://0.0.0.0:1', '0.0.0.0', 1, 'http://127.0.0.1:1/'],
    ['http://[::1]:2/', '::1', 2, 'http://[::1]:2/'],
    ['http://worker.example:3', 'worker.example', 3, 'http://worker.example:3/'],
  ])('%s', (listeners, host, port, advertisedUrl) => expect(restSettings({ listeners })).toMatchObject({ host, port, advertisedUrl }));

  it('advertises what it is told', () => {
    expect(restSettings({ listeners: 'http://0.0.0.0:8083', 'rest.advertised.host.name': 'w1', 'rest.advertised.port': '80' }).advertisedUrl).toBe('http://w1:80/');
    expect(restSettings({ 'admin.listeners': '' }).servesAdmin).toBe(false);
  });

  it.each([
    [{ listeners: 'https://h:1' }, 'https is not supported yet'],
    [{ listeners: 'h:1' }, 'expected http://host:port'],
    [{ listeners: 'http://h:70000' }, 'expected http://host:port'],
    [{ listeners: 'http://a:1,http://b:2' }, 'more than one listener'],
    [{ 'admin.listeners': 'http://a:1' }, 'separate listeners for /admin'],
    [{ 'rest.extension.classes': 'io.example.X' }, 'REST extensions'],
  ])('refuses %p', (config: Record<string, string>, problem) => expect(() => restSettings(config)).toThrow(problem));
});
