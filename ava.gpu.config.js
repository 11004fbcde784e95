// npm run test:gpu, and the GPU bundle: the compiled tests of every backend, on the GPU.
import { compiledTests } from './scripts/gpu/suite.mjs';

export default {
  files: compiledTests(),
  workerThreads: false,
  serial: true,
  concurrency: 2,
  timeout: '5m',
};
