/** Where in a record's way it failed: Kafka Connect's names, as they stand in dead letters and logs. */
export type Stage = 'TRANSFORMATION' | 'KEY_CONVERTER' | 'VALUE_CONVERTER' | 'HEADER_CONVERTER' | 'KAFKA_PRODUCE' | 'TASK_PUT';

export interface FailedStep {
  readonly stage: Stage;
  /** Of the converter, transformation or task at fault: the Java name where there is one. */
  readonly className: string;
  readonly error: unknown;
}

const JAVA_CLASS_BY_CODE: Readonly<Record<string, string>> = {
  CONNECT_DATA: 'org.apache.kafka.connect.errors.DataException',
  CONNECT_RETRIABLE: 'org.apache.kafka.connect.errors.RetriableException',
  CONNECT_CONFIG: 'org.apache.kafka.common.config.ConfigException',
  CONNECT_ERROR: 'org.apache.kafka.connect.errors.ConnectException',
};

/** The name that Java Connect would give the exception's class; ours for what it does not know. */
export function javaClassOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  if ('javaClass' in error && typeof error.javaClass === 'string') return error.javaClass;
  const known = 'code' in error && typeof error.code === 'string' ? JAVA_CLASS_BY_CODE[error.code] : undefined;
  return known ?? error.constructor.name;
}
