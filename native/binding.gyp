{
  # For hosts without CMake: node-gyp rebuild -C native. The list of sources and the flags of the instruction sets are those
  # of CMakeLists.txt (../scripts/gyp-sources.mjs reads both).
  "target_defaults": {
    "include_dirs": [".", "<!@(node -p \"require('node-addon-api').include_dir\")", "<!@(node -p \"require('node-api-headers').include_dir\")"],
    "defines": ["NAPI_VERSION=9", "NAPI_CPP_EXCEPTIONS"],
    "cflags!": ["-O3"],
    "cflags_cc!": ["-fno-exceptions", "-fno-rtti", "-std=gnu++17", "-std=gnu++20"],
    "cflags": ["-O2", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra"],
    "cflags_cc": ["-std=c++17", "-fexceptions", "-fvisibility-inlines-hidden"],
    "xcode_settings": {
      "GCC_ENABLE_CPP_EXCEPTIONS": "YES",
      "CLANG_CXX_LANGUAGE_STANDARD": "c++17",
      "MACOSX_DEPLOYMENT_TARGET": "11.0"
    }
  },
  "targets": [
    {
      "target_name": "isa_baseline",
      "type": "static_library",
      "sources": ["cpu/isa/isa_baseline.cc"],
      "cflags": ["<!@(node ../scripts/gyp-sources.mjs flags isa_baseline)"]
    },
    {
      "target_name": "isa_neon",
      "type": "static_library",
      "sources": ["cpu/isa/isa_neon.cc"],
      "cflags": ["<!@(node ../scripts/gyp-sources.mjs flags isa_neon)"]
    },
    {
      "target_name": "isa_avx2",
      "type": "static_library",
      "sources": ["cpu/isa/isa_avx2.cc"],
      "cflags": ["<!@(node ../scripts/gyp-sources.mjs flags isa_avx2)"]
    },
    {
      "target_name": "isa_avx512",
      "type": "static_library",
      "sources": ["cpu/isa/isa_avx512.cc"],
      "cflags": ["<!@(node ../scripts/gyp-sources.mjs flags isa_avx512)"]
    },
    {
      "target_name": "cugru",
      "dependencies": ["isa_baseline", "isa_neon", "isa_avx2", "isa_avx512"],
      "sources": ["<!@(node ../scripts/gyp-sources.mjs sources)"],
      "conditions": [
        ["OS=='linux'", {
          "ldflags": ["-static-libstdc++", "-static-libgcc", "-Wl,-z,nodelete", "-Wl,-Bsymbolic", "-Wl,--exclude-libs,ALL"],
          "libraries": ["-lpthread", "-ldl"]
        }]
      ]
    }
  ]
}
