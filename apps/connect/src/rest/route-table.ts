/** Methods in the order in which Jersey lists them. */
const METHODS = ['HEAD', 'DELETE', 'POST', 'GET', 'OPTIONS', 'PUT', 'PATCH'];

/** The paths that are served, for telling a wrong path from a wrong method. */
export class RouteTable {
  private readonly routes: { readonly pattern: RegExp; readonly methods: Set<string> }[] = [];

  /** `url` as a router's pattern: `/connectors/:name/config`. */
  add(methods: string | readonly string[], url: string): void {
    const source = `^${url.replace(/\/+$/, '').replace(/:[^/]+/g, '[^/]+')}/?$`;
    let route = this.routes.find((it) => it.pattern.source === new RegExp(source).source);
    if (!route) this.routes.push((route = { pattern: new RegExp(source), methods: new Set(['OPTIONS']) }));
    for (const method of [methods].flat()) route.methods.add(method);
  }

  /** What may be asked of a path, or nothing when it is unknown. */
  methodsOf(path: string): string[] | undefined {
    const matching = this.routes.filter((it) => it.pattern.test(path));
    if (matching.length === 0) return undefined;
    return METHODS.filter((method) => matching.some((it) => it.methods.has(method)));
  }
}
