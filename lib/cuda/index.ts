/** NVIDIA's libraries: whether a GPU can be used, why not, and how to get what is missing. */
export { type CudaChoice, choiceLine, keptChoices } from './choices.js';
export { type CudaMajor, type InstallOptions, type InstallPlan, installCuda, planInstall } from './install.js';
export { type CudaVerdict, cudaVerdict } from './probe.js';
export { requireCuda } from './require.js';
export { describeVerdict, deviceLine, libraryLines, reasonsOf } from './words.js';
