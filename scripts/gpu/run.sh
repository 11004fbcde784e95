#!/usr/bin/env bash
# Runs all that a GPU is asked to show (scripts/gpu/run.mjs, which names the settings), with the Node that is in this folder.
# Needs bash, tar, and xz or python3.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here"

unpack() {
  if command -v xz >/dev/null; then
    xz -dc "$1"
  else
    python3 -c 'import lzma, shutil, sys; shutil.copyfileobj(lzma.open(sys.argv[1]), sys.stdout.buffer)' "$1"
  fi
}

# Under its own name only when it is whole.
if [ ! -x node ]; then
  unpack node.xz >node.part
  chmod +x node.part
  mv node.part node
fi
if [ ! -d node_modules ]; then
  mkdir -p node_modules.part
  unpack modules.tar.xz | tar -x -C node_modules.part
  mv node_modules.part node_modules
fi
exec ./node scripts/gpu/run.mjs
