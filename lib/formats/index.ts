/** File formats: bytes in, arrays out, and back; no knowledge of models. */
export { type WriteFolderOptions, writeFolder } from './folder.js';
export { decodeIdx, type IdxArray, readIdx } from './idx.js';
export {
  decodeSafetensors,
  encodeSafetensors,
  type NamedTensor,
  readSafetensors,
  type SafetensorsArray,
  type SafetensorsFile,
  writeSafetensors,
} from './safetensors.js';
