/** What GET / answers. Tools read the first number: it is the version of Kafka Connect whose REST interface this is. */
export const VERSION = '4.3.1-millrace.0.1.0';
