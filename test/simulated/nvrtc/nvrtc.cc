#include <cstring>

#include "core/problems.h"
#include "core/registry.h"
#include "core/settings.h"
#include "nvrtc/exported.h"
#include "nvrtc/program.h"

namespace cugru::cuda {

using namespace simulated;

namespace {

Registry<Program>& programs() {
  static auto* const all = [] {
    addInventory([] {
      std::vector<std::string> lines;
      for (const auto& [key, program] : programs().all()) lines.push_back(join("the NVRTC program ", program->name));
      return lines;
    });
    return new Registry<Program>;
  }();
  return *all;
}

enum class After { creation, compilation };

// The text of a program that Field says, with its final zero byte.
nvrtcResult sizeOf(nvrtcProgram handle, size_t* bytes, std::string Program::*field, After after) {
  Guard guard;
  const auto program = programs().find(handle);
  if (program == nullptr || (after == After::compilation && !program->compiled)) return NVRTC_ERROR_INVALID_PROGRAM;
  if (bytes == nullptr) return NVRTC_ERROR_INVALID_INPUT;
  const std::string& text = (*program).*field;
  *bytes = text.empty() && after == After::compilation ? 0 : text.size() + 1;
  return NVRTC_SUCCESS;
}

nvrtcResult copyOf(nvrtcProgram handle, char* out, std::string Program::*field, After after) {
  Guard guard;
  const auto program = programs().find(handle);
  if (program == nullptr || (after == After::compilation && !program->compiled)) return NVRTC_ERROR_INVALID_PROGRAM;
  const std::string& text = (*program).*field;
  if (out == nullptr || (text.empty() && after == After::compilation)) return NVRTC_ERROR_INVALID_INPUT;
  std::memcpy(out, text.c_str(), text.size() + 1);
  return NVRTC_SUCCESS;
}

}  // namespace

nvrtcResult nvrtcVersion(int* major, int* minor) {
  if (major == nullptr || minor == nullptr) return NVRTC_ERROR_INVALID_INPUT;
  *major = cudaMajor();
  *minor = 0;
  return NVRTC_SUCCESS;
}

const char* nvrtcGetErrorString(nvrtcResult result) {
  switch (result) {
    case NVRTC_SUCCESS: return "NVRTC_SUCCESS";
    case NVRTC_ERROR_OUT_OF_MEMORY: return "NVRTC_ERROR_OUT_OF_MEMORY";
    case NVRTC_ERROR_PROGRAM_CREATION_FAILURE: return "NVRTC_ERROR_PROGRAM_CREATION_FAILURE";
    case NVRTC_ERROR_INVALID_INPUT: return "NVRTC_ERROR_INVALID_INPUT";
    case NVRTC_ERROR_INVALID_PROGRAM: return "NVRTC_ERROR_INVALID_PROGRAM";
    case NVRTC_ERROR_INVALID_OPTION: return "NVRTC_ERROR_INVALID_OPTION";
    case NVRTC_ERROR_COMPILATION: return "NVRTC_ERROR_COMPILATION";
    case NVRTC_ERROR_INTERNAL_ERROR: return "NVRTC_ERROR_INTERNAL_ERROR";
    default: return "NVRTC_ERROR unknown";
  }
}

nvrtcResult nvrtcCreateProgram(nvrtcProgram* program, const char* source, const char* name, int headerCount,
                               const char* const* headers, const char* const* includeNames) {
  Guard guard;
  if (program == nullptr || source == nullptr || headerCount < 0) return NVRTC_ERROR_INVALID_INPUT;
  if (headerCount > 0 && (headers == nullptr || includeNames == nullptr)) return NVRTC_ERROR_INVALID_INPUT;
  auto made = std::make_shared<Program>();
  made->source = source;
  made->name = name != nullptr && *name != '\0' ? name : "default_program";
  for (int i = 0; i < headerCount; i++) made->headers[includeNames[i]] = headers[i];
  *program = programs().add<nvrtcProgram>(made);
  return NVRTC_SUCCESS;
}

nvrtcResult nvrtcDestroyProgram(nvrtcProgram* program) {
  Guard guard;
  if (program == nullptr || !programs().remove(*program)) return NVRTC_ERROR_INVALID_PROGRAM;
  *program = nullptr;
  return NVRTC_SUCCESS;
}

nvrtcResult nvrtcCompileProgram(nvrtcProgram handle, int optionCount, const char* const* options) {
  Guard guard;
  const auto program = programs().find(handle);
  if (program == nullptr) return NVRTC_ERROR_INVALID_PROGRAM;
  if (optionCount < 0 || (optionCount > 0 && options == nullptr)) return NVRTC_ERROR_INVALID_INPUT;
  return compile(*program, std::vector<std::string>(options, options + optionCount));
}

nvrtcResult nvrtcGetProgramLogSize(nvrtcProgram program, size_t* bytes) {
  return sizeOf(program, bytes, &Program::log, After::creation);
}
nvrtcResult nvrtcGetProgramLog(nvrtcProgram program, char* log) {
  return copyOf(program, log, &Program::log, After::creation);
}
nvrtcResult nvrtcGetCUBINSize(nvrtcProgram program, size_t* bytes) {
  return sizeOf(program, bytes, &Program::cubin, After::compilation);
}
nvrtcResult nvrtcGetCUBIN(nvrtcProgram program, char* cubin) {
  return copyOf(program, cubin, &Program::cubin, After::compilation);
}
nvrtcResult nvrtcGetPTXSize(nvrtcProgram program, size_t* bytes) {
  return sizeOf(program, bytes, &Program::ptx, After::compilation);
}
nvrtcResult nvrtcGetPTX(nvrtcProgram program, char* ptx) {
  return copyOf(program, ptx, &Program::ptx, After::compilation);
}

nvrtcResult nvrtcGetNumSupportedArchs(int* count) {
  if (count == nullptr) return NVRTC_ERROR_INVALID_INPUT;
  *count = static_cast<int>(architectures().size());
  return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetSupportedArchs(int* out) {
  if (out == nullptr) return NVRTC_ERROR_INVALID_INPUT;
  std::copy(architectures().begin(), architectures().end(), out);
  return NVRTC_SUCCESS;
}

nvrtcResult nvrtcAddNameExpression(nvrtcProgram handle, const char* expression) {
  Guard guard;
  const auto program = programs().find(handle);
  if (program == nullptr || program->compiled) return NVRTC_ERROR_INVALID_PROGRAM;
  if (expression == nullptr) return NVRTC_ERROR_INVALID_INPUT;
  program->expressions.emplace_back(expression);
  return NVRTC_SUCCESS;
}

// Names are not mangled: kernels for the host are known by their expressions.
nvrtcResult nvrtcGetLoweredName(nvrtcProgram handle, const char* expression, const char** name) {
  Guard guard;
  const auto program = programs().find(handle);
  if (program == nullptr || !program->compiled) return NVRTC_ERROR_INVALID_PROGRAM;
  if (expression == nullptr || name == nullptr) return NVRTC_ERROR_INVALID_INPUT;
  for (const std::string& one : program->expressions) {
    if (one != expression) continue;
    *name = one.c_str();
    return NVRTC_SUCCESS;
  }
  return NVRTC_ERROR_INVALID_INPUT;
}

}  // namespace cugru::cuda
