import { describeFileSystem, temporaryFolder } from '@millrace/testkit';
import { NodeFileSystem } from './node-file-system.js';

describeFileSystem('NodeFileSystem', () => {
  const folder = temporaryFolder('file-system');
  return { fileSystem: new NodeFileSystem(), folder: folder.path, cleanUp: () => folder.remove() };
});
