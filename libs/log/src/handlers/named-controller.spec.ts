import { namedController } from './named-controller.js';

describe('the controller that clients are told of', () => {
  const brokers = (...ids: number[]) => ids.map((brokerId) => ({ brokerId }));

  it('is the broker that is asked, when clients can reach it', () => {
    expect(namedController(brokers(1, 2, 3), 2)).toBe(2);
  });

  it('is another one while that is fenced, and none when all are', () => {
    expect(namedController(brokers(1, 3), 2)).toBe(1);
    expect(namedController([], 2)).toBe(-1);
  });
});
