/** File formats, written by hand: safetensors, IDX, and files and folders that appear whole or not at all. */
export {
  expectReplaceableFolder,
  type FolderFile,
  type WriteFolderOptions,
  writeFileAtomic,
  writeFolder,
} from './atomic.js';
export { type IdxArray, type IdxOptions, parseIdx, readIdx } from './idx.js';
export {
  decodeSafetensors,
  encodeSafetensors,
  type NamedTensor,
  readSafetensors,
  type Safetensors,
  safetensorsParts,
  type TensorData,
  writeSafetensors,
} from './safetensors.js';
