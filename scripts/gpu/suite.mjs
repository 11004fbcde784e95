// The tests of every backend: what test:simulated, test:gpu and the GPU bundle run. Left out are same_bytes, which is about the
// CPU's threads, and the tests of the references themselves.
export const conformance = [
  ...['gru', 'gru_differences', 'gru_modes', 'cells', 'cells_modes', 'dense', 'gather', 'dropout', 'losses'],
  ...['pointwise', 'optimizers', 'valid_rows', 'extremes'],
];

/** Their compiled files, from the root of a checkout or a bundle. */
export const compiledTests = [
  ...conformance.map((name) => `dist/test/conformance/${name}.test.js`),
  ...['gru', 'lstm_rnn', 'training'].map((name) => `dist/test/goldens/${name}.test.js`),
];
