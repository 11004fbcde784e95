// npm run test:vendor: against NVIDIA's own headers and libraries, which it installs (about 4 GB) into .cache/vendor.
export default {
  files: ['test/vendor/**/*.vendor.ts'],
  typescript: { rewritePaths: { 'test/': 'dist/test/' }, compile: false },
  workerThreads: false,
  concurrency: 1,
  timeout: '30m',
};
