export default {
  files: ['test/**/*.test.ts'],
  typescript: { rewritePaths: { 'test/': 'dist/test/' }, compile: false },
  workerThreads: false,
  concurrency: 2,
  timeout: '5m',
  nodeArguments: ['--expose-gc'],
};
