// Modules and the functions found in them.
#pragma once

#include <memory>
#include <string>

#include "core/context.h"
#include "core/image.h"
#include "core/registry.h"

namespace simulated {

struct Function;

struct Module {
  Context* context = nullptr;
  Image image;
  std::map<std::string, std::shared_ptr<Function>> functions;
};

inline constexpr int kSharedBytesAtFirst = 49152;
inline constexpr int kSharedBytesAtMost = 232448;
inline constexpr int kSharedBytesOfMultiprocessor = 233472;

struct Function {
  Context* context = nullptr;
  std::string name;
  int sharedBytes = kSharedBytesAtFirst;  // dynamic, at most
};

Registry<Module>& modules();
Registry<Function>& functions();
void dropModules(Context& context);
// How many blocks of this size one multiprocessor holds at once.
int residentBlocks(int blockSize, size_t sharedBytes);

}  // namespace simulated
