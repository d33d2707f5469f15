'use strict';
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const cache = process.env.PEERS_CACHE ?? path.join(os.homedir(), '.cache', 'millrace-peers');

/** Why the real connector cannot run here, or undefined. */
function missing() {
  if (!fs.existsSync(path.join(cache, 'plugins', 'debezium-connector-mongodb'))) return 'the jars of Debezium are not there: run `peers fetch`';
  return process.env.PATH.split(path.delimiter).some((it) => fs.existsSync(path.join(it, 'java'))) ? undefined : 'Java is not installed';
}

/** The real Debezium MongoDB connector in a Java process of its own (DebeziumReader.java). */
class DebeziumProcess {
  constructor(request) {
    this.errors = '';
    this.pending = [];
    this.waiting = undefined;
    const classPath = [path.join(cache, 'kafka', '*'), path.join(cache, 'plugins', 'debezium-connector-mongodb', '*')].join(path.delimiter);
    this.child = spawn('java', ['-Xmx512m', '-XX:TieredStopAtLevel=1', '-cp', classPath, path.join(__dirname, 'DebeziumReader.java')], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.child.stderr.on('data', (chunk) => (this.errors += chunk));
    this.exited = new Promise((resolve) => this.child.on('exit', resolve));
    this.child.stdout.setEncoding('utf8');
    let rest = '';
    this.child.stdout.on('data', (chunk) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop();
      for (const line of lines) if (line !== '') this.pending.push(JSON.parse(line));
      this.waiting?.();
    });
    this.child.stdin.write(`${JSON.stringify(request)}\n`);
  }

  /** Moves records to `into` until one is the wanted one; false when it has not come in time. */
  async until(isWanted, into, deadlineMs) {
    const end = Date.now() + deadlineMs;
    for (;;) {
      while (this.pending.length > 0) {
        const record = this.pending.shift();
        if (record.error !== undefined) throw new Error(`${record.error}\n${this.errors.slice(-2000)}`);
        into.push(record);
        if (isWanted(record)) return true;
      }
      const leftMs = end - Date.now();
      if (leftMs <= 0) return false;
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, Math.min(leftMs, 1000));
        this.waiting = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      if (this.child.exitCode !== null && this.pending.length === 0) throw new Error(`Debezium has ended: ${this.errors.slice(-2000)}`);
    }
  }

  async stop() {
    this.child.stdin.end();
    await this.exited;
  }
}

module.exports = { DebeziumProcess, missing };
