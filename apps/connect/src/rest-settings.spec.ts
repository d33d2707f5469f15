import os from 'node:os';
import { isLoopback, restSettings } from './rest-settings.js';

describe('REST settings', () => {
  it('listens on the loopback address unless told otherwise', () => {
    expect(restSettings({})).toEqual({ listeners: [{ protocol: 'http', host: '127.0.0.1', port: 8083 }], adminListeners: [], advertisedUrl: 'http://127.0.0.1:8083/', servesAdmin: true });
    expect(isLoopback(restSettings({}).listeners[0]?.host ?? '')).toBe(true);
  });

  it.each([
    ['http://[::1]:2/', '::1', 2, 'http://[::1]:2/'],
    ['http://worker.example:3', 'worker.example', 3, 'http://worker.example:3/'],
    ['HTTPS://h:4, http://i:5', 'h', 4, 'http://i:5/'],
    ['https://h:4', 'h', 4, 'https://h:4/'],
  ])('%s', (listeners, host, port, advertisedUrl) => {
    expect(restSettings({ listeners })).toMatchObject({ advertisedUrl });
    expect(restSettings({ listeners }).listeners[0]).toMatchObject({ host, port });
  });

  it('advertises an address of the machine when it listens on all of them', () => {
    const { listeners, advertisedUrl } = restSettings({ listeners: 'HTTP://:8083' });
    expect(listeners).toEqual([{ protocol: 'http', host: '0.0.0.0', port: 8083 }]);
    expect(restSettings({ listeners: 'http://0.0.0.0:8083' }).advertisedUrl).toBe(advertisedUrl);
    const { hostname, port } = new URL(advertisedUrl);
    expect(port).toBe('8083');
    const own = Object.values(os.networkInterfaces()).flatMap((it) => it ?? []).find((it) => it.address === hostname);
    const hasOthers = Object.values(os.networkInterfaces()).some((it) => it?.some((address) => !address.internal && address.family === 'IPv4'));
    expect(own).toMatchObject({ internal: !hasOthers });
  });

  it('advertises what it is told', () => {
    expect(restSettings({ listeners: 'http://0.0.0.0:8083', 'rest.advertised.host.name': 'w1', 'rest.advertised.port': '80' }).advertisedUrl).toBe('http://w1:80/');
    expect(restSettings({ listeners: 'http://a:1,https://b:2', 'rest.advertised.listener': 'HTTPS' }).advertisedUrl).toBe('https://b:2/');
    expect(restSettings({ 'admin.listeners': '' })).toMatchObject({ servesAdmin: false, adminListeners: [] });
    expect(restSettings({ 'admin.listeners': 'http://a:1' })).toMatchObject({ servesAdmin: true, adminListeners: [{ protocol: 'http', host: 'a', port: 1 }] });
  });

  it.each([
    [{ listeners: 'ftp://h:1' }, 'expected http://host:port or https://host:port'],
    [{ listeners: ' , ' }, 'at least one is expected'],
    [{ listeners: 'http://h:1', 'rest.advertised.listener': 'https' }, 'expected the protocol (http or https) of one of the listeners'],
    [{ listeners: 'h:1' }, 'expected http://host:port'],
    [{ listeners: 'http://h:70000' }, 'expected http://host:port'],
    [{ 'rest.extension.classes': 'io.example.X' }, 'REST extensions'],
  ])('refuses %p', (config: Record<string, string>, problem) => expect(() => restSettings(config)).toThrow(problem));
});
