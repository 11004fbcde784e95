/** Training: compile, fit, evaluate, save and load. */
export type { Evaluation } from './evaluation.js';
export type { EpochEndEvent, EpochLogs, FitEndEvent, FitEvent, History, ProgressEvent } from './events.js';
export { type LoadOptions, loadModel } from './loading.js';
export * as optimizers from './optimizers.js';
export type { OperationProfile, Profile } from './profile.js';
export * as schedules from './schedules.js';
export {
  type Batch,
  type CompileOptions,
  type EvaluateOptions,
  type FitCallbacks,
  type FitOptions,
  type MemoryEstimate,
  Sequential,
  type StepResult,
  sequential,
} from './sequential.js';
