
export interface Shape {
  readonly topic: string;
  readonly keySchema: unknown;
  readonly valueSchema: unknown;
  readonly key: { readonly id?: string } | null;
  readonly value: { readonly op?: string; readonly source?: { readonly snapshot?: string } } | null;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly partition: unknown;
  readonly offset: unknown;
}
export interface Recording {
  readonly schemas: unknown[];
  readonly records: (Omit<Shape, 'keySchema' | 'valueSchema'> & { readonly schemas: readonly [number | null, number | null] })[];
}
export function shapeRecord(record: { topic: string; key: unknown; value: unknown; headers: Readonly<Record<string, unknown>>; partition: unknown; offset: unknown }): Shape;
export function collect(shapes: readonly Shape[]): Recording;
