/** File formats, written by hand: safetensors, IDX, npy, zip, CSV, and files and folders that appear whole or not at all. */
export {
  expectReplaceableFolder,
  type FolderFile,
  type WriteFolderOptions,
  writeFileAtomic,
  writeFolder,
} from './atomic.js';
export { type CsvOptions, type CsvRow, parseCsv } from './csv.js';
export { type IdxArray, type IdxOptions, parseIdx, readIdx } from './idx.js';
export { encodeNpy, type NpyArray, type NpyData, parseNpy } from './npy.js';
export {
  decodeSafetensors,
  encodeSafetensors,
  type NamedTensor,
  readSafetensors,
  readSafetensorsMetadata,
  type Safetensors,
  safetensorsParts,
  type TensorData,
  writeSafetensors,
} from './safetensors.js';
export { parseZip, type ZipEntry } from './zip.js';
