// Plain JavaScript data to the structures of program/. The shapes of the objects are typed in lib/native.ts.
#pragma once

#include "addon/handles.h"
#include "addon/napi_setup.h"
#include "program/program.h"

namespace cugru {

GraphSpec parseGraph(const Napi::Value& value);
std::vector<GroupSpec> parseGroups(const Napi::Value& value);
float parseFactor(const Napi::Object& from, const char* key);  // of a rate; 1 when it is not there
OptimizerDesc parseOptimizer(const Napi::Value& value);
Mode parseMode(const Napi::Value& value);
RunRequest parseRun(const Napi::Value& value, const Session& session);

}  // namespace cugru
