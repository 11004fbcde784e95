/** Reports: accuracy by class, latency, throughput. */
export { type ClassReport, classReports, confusionText } from './classes.js';
export { type Latency, measureLatency, measureThroughput, type Throughput } from './latency.js';
