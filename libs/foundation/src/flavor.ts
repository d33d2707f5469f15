/**
 * A primitive with a kind: plain values are accepted where a flavored one is asked for, but two different kinds never mix
 * (an `Offset` is not a `FilePosition`). No run-time cost.
 */
export type Flavor<T, Kind extends string> = T & { readonly __kind?: Kind };
