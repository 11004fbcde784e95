// The functions that JavaScript sees, by subject. lib/native.ts types them one by one.
#pragma once

#include "addon/napi_setup.h"

namespace cugru {

void exportProcess(Napi::Env env, Napi::Object exports);  // info, threads, error class, dispose
void exportSession(Napi::Env env, Napi::Object exports);
void exportBuffers(Napi::Env env, Napi::Object exports);
void exportStore(Napi::Env env, Napi::Object exports);
void exportProgram(Napi::Env env, Napi::Object exports);
void exportStream(Napi::Env env, Napi::Object exports);
void exportCuda(Napi::Env env, Napi::Object exports);  // what of CUDA can be found and used

}  // namespace cugru
