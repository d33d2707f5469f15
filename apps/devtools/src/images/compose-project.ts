import { execFileSync, spawnSync } from 'node:child_process';
import { repositoryRoot } from '@millrace/testkit';

/** Why docker-compose.yml cannot be run here; undefined: it can. */
export function composeMissing(): string | undefined {
  if (spawnSync('docker', ['info']).status !== 0) return 'no Docker engine answers';
  return composeCommand() === undefined ? 'neither "docker compose" nor docker-compose is installed' : undefined;
}

/** Compose v2 as Docker's plugin, or the stand-alone program of either version (`COMPOSE_COMMAND` chooses another). */
function composeCommand(): readonly string[] | undefined {
  const chosen = process.env['COMPOSE_COMMAND'];
  const candidates = chosen === undefined ? [['docker', 'compose'], ['docker-compose']] : [[chosen]];
  return candidates.find(([program = '', ...args]) => spawnSync(program, [...args, 'version']).status === 0);
}

/** docker-compose.yml under a project name of its own, so that it does not touch another one. */
export class ComposeProject {
  constructor(private readonly options: { readonly name: string; readonly profiles: readonly string[]; readonly environment: Readonly<Record<string, string>> }) {}

  /** Builds the image and starts everything. */
  up(): void {
    this.compose(['up', '--detach', '--build']);
  }

  start(service: string): void {
    this.compose(['up', '--detach', '--no-deps', service]);
  }

  /** SIGKILL by the engine. */
  kill(service: string): void {
    execFileSync('docker', ['kill', this.containerOf(service)], { stdio: 'ignore' });
  }

  /** `healthy`, `unhealthy`, `starting`; for a container without a check its state. */
  health(service: string): string {
    const format = '{{if .State.Health}}{{.State.Health.Status}}{{else}}{{.State.Status}}{{end}}';
    return execFileSync('docker', ['inspect', '--format', format, this.containerOf(service)], { encoding: 'utf8' }).trim();
  }

  exitCode(service: string): number {
    return Number(execFileSync('docker', ['inspect', '--format', '{{.State.ExitCode}}', this.containerOf(service)], { encoding: 'utf8' }));
  }

  logs(): string {
    return this.compose(['logs', '--no-color', '--tail', '200']);
  }

  /** Ends everything and forgets its data. */
  down(): void {
    this.compose(['down', '--volumes', '--timeout', '20']);
  }

  private containerOf(service: string): string {
    return this.compose(['ps', '--all', '--quiet', service]).trim();
  }

  private compose(args: readonly string[]): string {
    const { name, profiles, environment } = this.options;
    const [program = '', ...rest] = composeCommand() ?? [];
    const all = [...rest, '--project-name', name, ...profiles.flatMap((it) => ['--profile', it]), ...args];
    const outcome = spawnSync(program, all, { cwd: repositoryRoot(), encoding: 'utf8', env: { ...process.env, ...environment }, maxBuffer: 64 * 1024 * 1024 });
    if (outcome.status !== 0) throw new Error(`${[program, ...all].join(' ')} ended with ${outcome.status}: ${outcome.stderr.slice(-4000)}`);
    return outcome.stdout;
  }
}
