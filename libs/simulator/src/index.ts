export { runSeed, type RunOptions, type RunOutcome } from './run-seed.js';
export { FAULTS, type Fault } from './faults/fault-menu.js';
export type { VoterKind } from './scenario.js';
export type { Durability } from './cluster/simulated-cluster.js';
export type { Breach } from './world.js';
export { PLANTED_BUGS, type PlantedBug } from './bugs/planted-bugs.js';
export { runSeeds, type RunSeedsOptions } from './soak/run-seeds.js';
export { nodesOf, type SeedResult, type SeedTask } from './soak/seed-task.js';
