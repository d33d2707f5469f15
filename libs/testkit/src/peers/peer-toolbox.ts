import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import path from 'node:path';
import { OperationalError } from '@millrace/foundation';
import { peerClassPath, peerLoggingFile, repositoryRoot } from './peer-cache.js';
import { mainClassOf, type PeerTool, type ToolResult } from './peer-tools.js';

interface Asked {
  readonly resolve: (result: ToolResult) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** Apache Kafka's tools in one Java process: one call costs what the tool does, not the start of a process. Calls run one after the other. */
export class PeerToolbox {
  private readonly asked: Asked[] = [];
  private unread: Buffer = Buffer.alloc(0);
  private complaints = '';

  private constructor(private readonly child: ChildProcessWithoutNullStreams) {
    child.stdout.on('data', (bytes: Buffer) => this.received(bytes));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.complaints += text));
    child.stdin.on('error', () => undefined);
    child.once('close', () => this.ended());
  }

  static open(): PeerToolbox {
    const source = path.join(repositoryRoot(), 'config/tooling/peers/PeerToolbox.java');
    return new PeerToolbox(spawn('java', ['-Xmx256m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', `-Dlog4j2.configurationFile=${peerLoggingFile()}`, '-cp', peerClassPath(), source], { stdio: 'pipe' }));
  }

  /** Resolves when the tool has ended, whatever its status. Rejects after `timeoutMs`; the toolbox is of no use then. */
  run(tool: PeerTool, args: readonly string[], timeoutMs = 120_000): Promise<ToolResult> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.complaints += `${tool} did not end within ${timeoutMs} ms`;
        this.child.kill('SIGKILL');
      }, timeoutMs);
      this.asked.push({ resolve, reject, timer });
      const texts = [mainClassOf(tool), ...args].map((it) => Buffer.from(it));
      this.child.stdin.write(length(texts.length));
      for (const text of texts) {
        this.child.stdin.write(length(text.length));
        this.child.stdin.write(text);
      }
    });
  }

  async close(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const closed = new Promise((resolve) => this.child.once('close', resolve));
    this.child.stdin.end();
    await closed;
  }

  private received(bytes: Buffer): void {
    this.unread = this.unread.length === 0 ? bytes : Buffer.concat([this.unread, bytes]);
    for (;;) {
      const out = this.textAt(4);
      const err = out === undefined ? undefined : this.textAt(out.end);
      if (out === undefined || err === undefined) return;
      const status = this.unread.readInt32BE(0);
      this.unread = this.unread.subarray(err.end);
      const answered = this.asked.shift();
      if (answered === undefined) throw new OperationalError('PEER_TOOLBOX_ASTRAY', 'the toolbox answers what was not asked');
      clearTimeout(answered.timer);
      answered.resolve({ status, stdout: out.text, stderr: err.text });
    }
  }

  private textAt(position: number): { readonly text: string; readonly end: number } | undefined {
    if (this.unread.length < position + 4) return undefined;
    const end = position + 4 + this.unread.readInt32BE(position);
    return this.unread.length < end ? undefined : { text: this.unread.toString('utf8', position + 4, end), end };
  }

  private ended(): void {
    for (const { reject, timer } of this.asked.splice(0)) {
      clearTimeout(timer);
      reject(new OperationalError('PEER_TOOLBOX_ENDED', `the toolbox has ended: ${this.complaints.slice(-2000)}`));
    }
  }
}

function length(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
