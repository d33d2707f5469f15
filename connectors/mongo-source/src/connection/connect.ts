import { MongoClient, type MongoClientOptions } from 'mongodb';
import type { SourceSettings } from '../config/source-settings.js';

const APPLICATION_NAME = 'Millrace CDC';

/** A client of the deployment; it connects with the first command. Throws for a connection string or files that cannot be read. */
export function createClient(settings: SourceSettings, options: { readonly timeoutMs?: number } = {}): MongoClient {
  const { values } = settings;
  const text = values['mongodb.connection.string'];
  const hasUser = /^mongodb(?:\+srv)?:\/\/[^/]*@/.test(text);
  const user = values['mongodb.user'];
  const clientOptions: MongoClientOptions = {
    appName: APPLICATION_NAME,
    connectTimeoutMS: options.timeoutMs ?? values['mongodb.connect.timeout.ms'],
    serverSelectionTimeoutMS: options.timeoutMs ?? values['mongodb.server.selection.timeout.ms'],
    socketTimeoutMS: values['mongodb.socket.timeout.ms'],
    heartbeatFrequencyMS: values['mongodb.heartbeat.frequency.ms'],
    // Commands are tried again by the task, which knows its position.
    retryReads: false,
    ...(user && !hasUser ? { auth: { username: user, password: values['mongodb.password']?.reveal() ?? '' }, authSource: values['mongodb.authsource'] } : {}),
    ...tlsOptions(values),
  };
  return new MongoClient(text, clientOptions);
}

function tlsOptions(values: SourceSettings['values']): MongoClientOptions {
  if (!values['mongodb.ssl.enabled']) return {};
  const keyStore = values['mongodb.ssl.keystore'];
  const password = values['mongodb.ssl.keystore.password']?.reveal();
  return {
    tls: true,
    ...(values['mongodb.ssl.invalid.hostname.allowed'] ? { tlsAllowInvalidHostnames: true } : {}),
    ...(values['mongodb.ssl.truststore'] ? { tlsCAFile: values['mongodb.ssl.truststore'] } : {}),
    ...(keyStore ? { tlsCertificateKeyFile: keyStore, ...(password ? { tlsCertificateKeyFilePassword: password } : {}) } : {}),
  };
}
