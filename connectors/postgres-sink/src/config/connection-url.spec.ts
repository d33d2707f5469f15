import { parseConnectionUrl, withoutPassword } from './connection-url.js';

const DEFAULTS = { user: undefined, password: undefined, sslMode: 'prefer', sslRootCert: undefined, sslCert: undefined, sslKey: undefined, writableOnly: false, searchPath: undefined, applicationName: undefined, connectTimeoutMs: undefined };

test.each([
  ['jdbc:postgresql://db.example:6543/shop', { hosts: [{ host: 'db.example', port: 6543 }], database: 'shop' }],
  ['jdbc:postgresql://db/shop', { hosts: [{ host: 'db', port: 5432 }], database: 'shop' }],
  ['jdbc:postgresql:shop', { hosts: [{ host: 'localhost', port: 5432 }], database: 'shop' }],
  ['jdbc:postgresql:/', { hosts: [{ host: 'localhost', port: 5432 }], database: undefined }],
  ['jdbc:postgresql://db/', { hosts: [{ host: 'db', port: 5432 }], database: undefined }],
  ['jdbc:postgresql://[::1]:5433/shop', { hosts: [{ host: '::1', port: 5433 }], database: 'shop' }],
  ['jdbc:postgresql://a:1,b,c:3/shop?targetServerType=primary', { hosts: [{ host: 'a', port: 1 }, { host: 'b', port: 5432 }, { host: 'c', port: 3 }], database: 'shop', writableOnly: true }],
  ['jdbc:postgresql://db/sh%2Fop?user=me&password=p%26w&ssl=true&unknown=1', { hosts: [{ host: 'db', port: 5432 }], database: 'sh/op', user: 'me', password: 'p&w', sslMode: 'require' }],
  ['jdbc:postgresql://db/shop?sslmode=verify-full&sslrootcert=/ca.pem&currentSchema=a,b&ApplicationName=x&connectTimeout=3', { hosts: [{ host: 'db', port: 5432 }], database: 'shop', sslMode: 'verify-full', sslRootCert: '/ca.pem', searchPath: 'a,b', applicationName: 'x', connectTimeoutMs: 3000 }],
  ['postgres://me:p%40ss@db:6543/shop?sslmode=disable', { hosts: [{ host: 'db', port: 6543 }], database: 'shop', user: 'me', password: 'p@ss', sslMode: 'disable' }],
  ['postgresql://me@db/shop', { hosts: [{ host: 'db', port: 5432 }], database: 'shop', user: 'me' }],
])('%s', (url, expected) => {
  expect(parseConnectionUrl(url)).toEqual({ ...DEFAULTS, ...expected });
});

test.each([
  ['jdbc:mysql://db/shop', 'must start with'],
  ['', 'must start with'],
  ['jdbc:postgresql://db:70000/shop?password=s3cret', 'port of 1 to 65535'],
  ['jdbc:postgresql://db:x/shop?password=s3cret', 'port of 1 to 65535'],
  ['jdbc:postgresql://db/shop?sslmode=maybe&password=s3cret', 'sslmode must be one of'],
  ['postgres://me:s3cret%zz@db/shop', 'hexadecimal'],
  ['jdbc:postgresql://db/shop?connectTimeout=soon&password=s3cret', 'number of seconds'],
])('%s is refused without its password', (url, reason) => {
  let message = '';
  try {
    parseConnectionUrl(url);
  } catch (error) {
    message = String(error);
    expect(error).toMatchObject({ code: 'CONNECT_CONFIG', key: 'connection.url' });
  }
  expect(message).toContain(reason);
  expect(message).not.toContain('s3cret');
});

test.each([
  ['jdbc:postgresql://db/shop?user=me&password=p%26w&ssl=true', 'jdbc:postgresql://db/shop?user=me&password=[hidden]&ssl=true'],
  ['postgres://me:p%40ss@db/shop', 'postgres://me:[hidden]@db/shop'],
  ['jdbc:postgresql://db/shop', 'jdbc:postgresql://db/shop'],
])('%s without its password', (url, expected) => {
  expect(withoutPassword(url)).toBe(expected);
});
