/** Java's `String.hashCode`, over UTF-16 units: it places groups and transactional ids on coordinator partitions. */
export function javaStringHash(text: string): number {
  let hash = 0;
  for (let i = 0; i < text.length; i++) hash = (Math.imul(31, hash) + text.charCodeAt(i)) | 0;
  return hash;
}

/** Kafka's `Utils.abs`: the most negative number maps to zero. */
export function javaAbs(value: number): number {
  return value === -2147483648 ? 0 : Math.abs(value);
}
