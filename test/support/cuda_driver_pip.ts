/** A `python3` that stands in for the host's: its pip makes the files of NVIDIA's packages, empty, and does as it is told. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const script = `#!/bin/sh
# FAKE_PIP: good, none (no pip), partial (half of the files), fail (pip's own failure), slow (waits until it is killed)
[ "$2" = pip ] || exit 64
if [ "$3" = --version ]; then
  [ "$FAKE_PIP" != none ] && exit 0
  echo "python3: No module named pip" >&2; exit 1
fi
[ "$3" = install ] || exit 64
[ "$PIP_USER" = 0 ] || exit 65
[ -d "$TMPDIR" ] || exit 66
printf '%s\\n' "$@" > "$FAKE_LOG"
while [ "$1" != --target ]; do shift; done
target=$2; shift 2
lib() { mkdir -p "$target/nvidia/$1/lib"; : > "$target/nvidia/$1/lib/$2"; }
echo "Collecting $*"
mkdir -p "$target"
lib cudnn libcudnn.so.9
[ "$FAKE_PIP" = fail ] && { echo "ERROR: No matching distribution found for $1" >&2; exit 1; }
[ "$FAKE_PIP" = partial ] && exit 0
[ "$FAKE_PIP" = slow ] && { echo waiting; exec sleep 600; }
case "$*" in
  *-cu12*) lib cublas libcublasLt.so.12; lib cuda_nvrtc libnvrtc.so.12 ;;
  *) lib cu13 libcublasLt.so.13; lib cu13 libnvrtc.so.13 ;;
esac
for package; do mkdir "$target/$(echo "$package" | tr - _)-1.2.3.dist-info"; done
`;

/** A folder for PATH with such a `python3`. */
export function fakePython(root: string): string {
  const bin = join(root, 'bin');
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, 'python3'), script);
  chmodSync(join(bin, 'python3'), 0o755);
  return bin;
}
