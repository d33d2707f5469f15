/** How bytes get from one machine to another, one way. */
export interface LinkQuality {
  readonly delayMsMin: number;
  readonly delayMsMax: number;
  readonly bytesPerMs: number;
}

export const FAST_LINK: LinkQuality = { delayMsMin: 0.05, delayMsMax: 0.4, bytesPerMs: 100_000 };
export const SLOW_LINK: LinkQuality = { delayMsMin: 20, delayMsMax: 400, bytesPerMs: 200 };

/** One direction between two machines: its quality, whether anything passes, and what waits until something passes again. */
export class Link {
  quality: LinkQuality = FAST_LINK;
  private cut = false;
  private waiting: (() => void)[] = [];
  /** When the bytes before have left. */
  private freeAtMs = 0;

  get isCut(): boolean {
    return this.cut;
  }

  /** How long `bytes` that leave now are under way. `chance` is uniform in [0, 1). */
  transitMs(nowMs: number, bytes: number, chance: number): number {
    const { delayMsMin, delayMsMax, bytesPerMs } = this.quality;
    const leftAtMs = Math.max(nowMs, this.freeAtMs) + bytes / bytesPerMs;
    this.freeAtMs = leftAtMs;
    return leftAtMs - nowMs + delayMsMin + chance * (delayMsMax - delayMsMin);
  }

  block(): void {
    this.cut = true;
  }

  /** What waited is tried again: TCP's retransmission. */
  heal(): (() => void)[] {
    this.cut = false;
    return this.waiting.splice(0);
  }

  whenHealed(retry: () => void): void {
    this.waiting.push(retry);
  }
}
