import type { Uuid } from '@millrace/foundation';
import { CORDONED_LOG_DIRS, hasCordonedDirectories, splitList, type MetadataImage } from '@millrace/metadata';
import type { LogDirectory } from '@millrace/storage';
import type { BrokerConfig } from '../config/broker-config.js';
import { cordonedFolders } from '../config/cordoned-folders.js';

/** Which log directories of this broker get no new replicas (KIP-1066): as the settings say that it follows, those of its properties where they say nothing. */
export class DirectoryCordons {
  constructor(
    private readonly config: BrokerConfig,
    private readonly directories: readonly LogDirectory[],
    private readonly image: MetadataImage,
  ) {}

  /** None before the metadata version has cordons. */
  isCordoned(directory: LogDirectory): boolean {
    return this.folders().includes(directory.folder);
  }

  /** Null: the metadata version does not have them. */
  ids(): readonly Uuid[] | null {
    if (!hasCordonedDirectories(this.image.featureLevels)) return null;
    const folders = this.folders();
    return this.directories.filter((it) => folders.includes(it.folder)).map((it) => it.directoryId);
  }

  private folders(): readonly string[] {
    if (!hasCordonedDirectories(this.image.featureLevels)) return [];
    const given = this.image.configs('BROKER', String(this.config.nodeId)).get(CORDONED_LOG_DIRS);
    return cordonedFolders(given === undefined ? this.config.get('cordoned.log.dirs') : splitList(given), this.config.logDirs);
  }
}
