// npm packages cannot hold symbolic links: the package lists them in a file.
const fs = require('node:fs');
const path = require('node:path');
const list = path.join(process.argv[2], 'pg-symlinks.json');
for (const { source, target } of fs.existsSync(list) ? JSON.parse(fs.readFileSync(list, 'utf8')) : []) {
  const link = path.join(process.argv[2], target.replace(/^native\//, ''));
  if (!fs.existsSync(link)) fs.symlinkSync(path.relative(path.dirname(link), path.join(process.argv[2], source.replace(/^native\//, ''))), link);
}
