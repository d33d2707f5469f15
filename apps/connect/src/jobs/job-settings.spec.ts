import { jobStoreSettings, placeOf, withoutPassword } from './job-settings.js';

it('reads the store from its URL and shows it without who asks', () => {
  const settings = jobStoreSettings({ 'group.id': 'a:b', 'jobs.store.url': ' postgres://me:p%40ss@db:5433/jobs ' });
  expect(settings).toMatchObject({ kind: 'postgresql', queueName: 'connect-a%3Ab' });
  expect(settings && placeOf(settings)).toBe('postgres://db:5433/jobs');
  expect(settings && withoutPassword('failed for p@ss and p%40ss', settings)).toBe('failed for [hidden] and [hidden]');
  expect(jobStoreSettings({ 'jobs.store.url': 'rediss://:x@cache' })?.kind).toBe('redis');
  expect(jobStoreSettings({ 'jobs.store.url': '' })).toBeUndefined();
});

it.each(['mysql://me:s3cret@db/x', 's3cret', 'redis://'])('refuses %s without showing it', (url) => {
  expect(() => jobStoreSettings({ 'jobs.store.url': url })).toThrow(/jobs\.store\.url/);
  expect(() => jobStoreSettings({ 'jobs.store.url': url })).not.toThrow(/s3cret/);
});
