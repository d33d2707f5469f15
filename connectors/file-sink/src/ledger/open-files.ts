import type { PartFile } from './part-file.js';

/** Keeps the number of open files bounded: the one that was used longest ago is closed. */
export class OpenFiles {
  private readonly byUse = new Set<PartFile>();

  constructor(private readonly max: number) {}

  /** Before a file is written to. */
  async use(file: PartFile): Promise<void> {
    this.byUse.delete(file);
    this.byUse.add(file);
    if (this.byUse.size <= this.max) return;
    for (const it of this.byUse) {
      if (this.byUse.size <= this.max) return;
      this.byUse.delete(it);
      await it.close();
    }
  }

  forget(): void {
    for (const it of this.byUse) if (!it.isOpen) this.byUse.delete(it);
  }
}
