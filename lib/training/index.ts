/** Training: compile, fit, evaluate, save and load. */
export type { Evaluation } from './evaluation.js';
export type { EpochEndEvent, EpochLogs, FitEndEvent, FitEvent, History, ProgressEvent } from './events.js';
export { type ModelEnds, model, type PredictionOf } from './functional.js';
export { type LoadOptions, loadModel } from './loading.js';
export { Model } from './model.js';
export * as optimizers from './optimizers.js';
export type {
  Batch,
  CompileOptions,
  EvaluateOptions,
  FitCallbacks,
  FitOptions,
  MemoryEstimate,
  StepResult,
} from './options.js';
export type { OperationProfile, Profile } from './profile.js';
export * as schedules from './schedules.js';
export { type Sequential, type SequentialOptions, sequential } from './sequential.js';
