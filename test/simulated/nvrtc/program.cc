#include "nvrtc/program.h"

#include <algorithm>
#include <regex>

#include "core/image.h"
#include "core/problems.h"
#include "core/settings.h"

namespace simulated {

using namespace cugru::cuda;

namespace {

struct Target {
  int architecture = 0;
  bool real = false;  // sm_90, which gives a cubin; else compute_90, which gives only PTX
};

// The options that NVRTC knows and that make sense here, up to their '='.
const std::vector<std::string>& knownOptions() {
  static const std::vector<std::string> all{"--std",
                                            "-std",
                                            "--use_fast_math",
                                            "-use_fast_math",
                                            "--fmad",
                                            "-fmad",
                                            "--ftz",
                                            "-ftz",
                                            "--prec-div",
                                            "-prec-div",
                                            "--prec-sqrt",
                                            "-prec-sqrt",
                                            "--restrict",
                                            "-restrict",
                                            "--device-debug",
                                            "-G",
                                            "--generate-line-info",
                                            "-lineinfo",
                                            "--maxrregcount",
                                            "-maxrregcount",
                                            "--extra-device-vectorization",
                                            "-extra-device-vectorization",
                                            "-default-device",
                                            "--device-as-default-execution-space",
                                            "--disable-warnings",
                                            "-w",
                                            "--define-macro",
                                            "--include-path",
                                            "--minimal",
                                            "-minimal",
                                            "--diag-suppress",
                                            "-diag-suppress",
                                            "--relocatable-device-code",
                                            "-rdc"};
  return all;
}

bool isKnown(const std::string& option) {
  if (option.rfind("-D", 0) == 0 || option.rfind("-I", 0) == 0) return true;
  const std::string name = option.substr(0, option.find('='));
  return std::find(knownOptions().begin(), knownOptions().end(), name) != knownOptions().end();
}

bool readTarget(const std::string& value, Target& target) {
  static const std::regex pattern("(sm|compute)_([0-9]+)[af]?");
  std::smatch match;
  if (!std::regex_match(value, match, pattern)) return false;
  target = {std::stoi(match[2]), match[1] == "sm"};
  const auto& known = architectures();
  return std::find(known.begin(), known.end(), target.architecture) != known.end();
}

nvrtcResult readOptions(const std::vector<std::string>& options, Target& target, std::string& log) {
  bool found = false;
  for (const std::string& option : options) {
    const size_t equals = option.find('=');
    const std::string name = option.substr(0, equals);
    if (name == "--gpu-architecture" || name == "-arch") {
      found = equals != std::string::npos && readTarget(option.substr(equals + 1), target);
      if (!found) {
        log = "nvrtc: error: invalid value for --gpu-architecture (-arch)\n";
        return NVRTC_ERROR_INVALID_OPTION;
      }
    } else if (!isKnown(option)) {
      log = join("nvrtc: error: unrecognized option ", option, " found\n");
      return NVRTC_ERROR_INVALID_OPTION;
    }
  }
  if (found) return NVRTC_SUCCESS;
  // The vendor has a default, an old architecture; to rely on it is a mistake.
  log = "simulated device: --gpu-architecture is missing\n";
  return NVRTC_ERROR_INVALID_OPTION;
}

// Comments, strings and characters out of the way; lines stay.
std::string withoutText(const std::string& source) {
  static const std::regex texts(R"(//[^\n]*|/\*[\s\S]*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])+')");
  std::string out;
  auto last = source.cbegin();
  for (std::sregex_iterator match(source.begin(), source.end(), texts), end; match != end; ++match) {
    out.append(last, (*match)[0].first);
    out += ' ';
    out.append(static_cast<size_t>(std::count((*match)[0].first, (*match)[0].second, '\n')), '\n');
    last = (*match)[0].second;
  }
  out.append(last, source.cend());
  return out;
}

bool checkBrackets(const Program& program, std::string& log) {
  std::string open;
  int line = 1;
  for (const char c : withoutText(program.source)) {
    if (c == '\n') line++;
    if (c == '(' || c == '[' || c == '{') open += c;
    if (c != ')' && c != ']' && c != '}') continue;
    const char partner = c == ')' ? '(' : c == ']' ? '[' : '{';
    if (open.empty() || open.back() != partner) {
      log = join(program.name, "(", line, "): error: unexpected '", c, "'\n\n1 error detected in the compilation of \"",
                 program.name, "\".\n");
      return false;
    }
    open.pop_back();
  }
  if (open.empty()) return true;
  log = join(program.name, "(", line, "): error: '", open.back(),
             "' is never closed\n\n1 error detected in the compilation of \"", program.name, "\".\n");
  return false;
}

// Headers come from the caller only: there is no file system for them. Inside of a condition nobody knows.
bool checkIncludes(const Program& program, std::string& log) {
  static const std::regex include(R"(^\s*#\s*include\s*["<]([^">]+)[">])"),
      condition(R"(^\s*#\s*(if|ifdef|ifndef|endif)\b)");
  int depth = 0, number = 0;
  for (const std::string& line : split(program.source, '\n')) {
    number++;
    std::smatch match;
    if (std::regex_search(line, match, condition)) depth += match[1] == "endif" ? -1 : 1;
    if (depth > 0 || !std::regex_search(line, match, include) || program.headers.count(match[1]) > 0) continue;
    log = join(program.name, "(", number, "): catastrophic error: cannot open source file \"", match[1].str(), "\"\n");
    return false;
  }
  return true;
}

}  // namespace

const std::vector<int>& architectures() {
  static const std::vector<int> ofCuda13{75, 80, 86, 87, 88, 89, 90, 100, 103, 110, 120, 121};
  static const std::vector<int> ofCuda12{50, 52, 53, 60, 61, 62, 70, 72, 75, 80, 86, 87, 89, 90, 100, 101, 120};
  return cudaMajor() >= 13 ? ofCuda13 : ofCuda12;
}

nvrtcResult compile(Program& program, const std::vector<std::string>& options) {
  program.log.clear();
  program.compiled = false;
  Target target;
  if (const nvrtcResult result = readOptions(options, target, program.log); result != NVRTC_SUCCESS) return result;
  const std::string injected = setting("NVRTC_FAIL");
  if (!injected.empty() && program.name.find(injected) != std::string::npos) {
    program.log = join(program.name, "(1): error: this failure was asked for\n");
    return NVRTC_ERROR_COMPILATION;
  }
  if (!checkIncludes(program, program.log) || !checkBrackets(program, program.log)) return NVRTC_ERROR_COMPILATION;
  program.cubin = target.real ? writeImage({true, target.architecture, program.name, program.source}) : "";
  program.ptx = writeImage({false, target.architecture, program.name, program.source});
  program.compiled = true;
  count("compilations");
  return NVRTC_SUCCESS;
}

}  // namespace simulated
