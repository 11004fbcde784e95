#include "addon/api.h"
#include "addon/instance.h"

namespace {

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new cugru::Instance(env));
  cugru::exportProcess(env, exports);
  cugru::exportSession(env, exports);
  cugru::exportBuffers(env, exports);
  cugru::exportStore(env, exports);
  cugru::exportProgram(env, exports);
  cugru::exportStream(env, exports);
  cugru::exportCuda(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(cugru, initialize)
