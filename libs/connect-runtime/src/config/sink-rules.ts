import type { StringMap } from '../rest/shapes.js';
import { javaPattern } from '../transforms/java-pattern.js';

/** What a sink's settings must fulfil together. */
export function checkSink(config: StringMap, workerGroupId: string, complain: (name: string, problem: string) => void): void {
  const hasTopics = (config.topics ?? '').trim() !== '';
  const hasRegex = (config['topics.regex'] ?? '').trim() !== '';
  if (hasTopics === hasRegex) {
    const problem = hasTopics ? 'topics and topics.regex are mutually exclusive options, but both are set.' : 'Must configure one of topics or topics.regex';
    complain('topics', problem);
    complain('topics.regex', problem);
  }
  const deadLetterTopic = config['errors.deadletterqueue.topic.name']?.trim() ?? '';
  if (deadLetterTopic !== '') checkDeadLetters(config, deadLetterTopic, complain);
  const group = config['consumer.override.group.id'];
  if (group !== undefined && group === workerGroupId) complain('consumer.override.group.id', `Consumer group ${group} conflicts with Connect worker group ${workerGroupId}`);
  if (config.name !== undefined && `connect-${config.name}` === workerGroupId && group === undefined) complain('name', `Consumer group for sink connector named ${config.name} conflicts with Connect worker group ${workerGroupId}`);
}

export function hasDeadLetterTopic(config: StringMap): boolean {
  return (config['errors.deadletterqueue.topic.name'] ?? '').trim() !== '';
}

/** Dead letters must not come back to the sink. */
function checkDeadLetters(config: StringMap, deadLetterTopic: string, complain: (name: string, problem: string) => void): void {
  const topics = [...new Set((config.topics ?? '').split(',').map((it) => it.trim()).filter((it) => it !== ''))];
  if (topics.includes(deadLetterTopic)) complain('topics', `The DLQ topic '${deadLetterTopic}' may not be included in the list of topics ('topics=[${topics.join(', ')}]') consumed by the connector`);
  const regex = config['topics.regex']?.trim() ?? '';
  if (regex !== '' && isMatch(regex, deadLetterTopic)) complain('topics.regex', `The DLQ topic '${deadLetterTopic}' may not be matched by the regex for the topics ('topics.regex=${regex}') consumed by the connector`);
}

/** A pattern that is none is complained about by its own rule. */
function isMatch(regex: string, topic: string): boolean {
  try {
    return javaPattern(regex).test(topic);
  } catch {
    return false;
  }
}
