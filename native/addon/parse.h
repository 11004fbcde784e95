// Plain JavaScript data to the structures of program/. The shapes of the objects are typed in lib/native.ts.
#pragma once

#include <optional>

#include "addon/handles.h"
#include "addon/napi_setup.h"
#include "program/program.h"

namespace cugru {

// What is left out stays as it is.
struct GroupChange {
  std::optional<bool> frozen;
  std::optional<float> rateFactor, decayFactor;
};

GraphSpec parseGraph(const Napi::Value& value);
std::vector<GroupSpec> parseGroups(const Napi::Value& value);
GroupChange parseGroupChange(const Napi::Value& value);
OptimizerDesc parseOptimizer(const Napi::Value& value);
LossScale parseLossScale(const Napi::Value& value);
Mode parseMode(const Napi::Value& value);
RunRequest parseRun(const Napi::Value& value, const Session& session);

}  // namespace cugru
