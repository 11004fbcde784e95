// Calls that fail because a test wants them to: each function of the libraries has a gate in front, which counts its calls.
#pragma once

#include "core/context.h"

namespace simulated {

// What a gate does with a call.
enum class Verdict {
  pass,
  refuse,        // the call does nothing and answers an error
  workThenFail,  // it does its work, and answers an error
  refuseMemory,  // it does nothing, and answers that memory is out
};

// Whether this call is the one that is to fail.
Verdict judge(const char* function);

// What each library answers for it; made by the libraries themselves.
template <typename Status>
Status failureOf(Verdict verdict, const char* function);

inline bool isSuccess(unsigned status) { return status == 0; }

template <auto Real, const char* Name>
struct Gate;

template <typename Result, typename... Arguments, Result (*Real)(Arguments...), const char* Name>
struct Gate<Real, Name> {
  static Result call(Arguments... arguments) {
    // What gives no status cannot fail.
    if constexpr (std::is_enum_v<Result>) {
      const Verdict verdict = judge(Name);
      if (verdict == Verdict::pass) return Real(arguments...);
      if (verdict == Verdict::workThenFail) {
        const Result result = Real(arguments...);
        if (!isSuccess(result)) return result;
      }
      return failureOf<Result>(verdict, Name);
    } else {
      return Real(arguments...);
    }
  }
};

}  // namespace simulated

// In a library's header: its functions, under linker names of their own, since the gates have the vendor's.
#define SIMULATED_DECLARE(result, name, arguments) extern "C" result name arguments __asm__("simulated_" #name);

// In one file of each library: what is seen from outside. The loader asks the resolver which function the name stands for.
#define SIMULATED_GATE(result, name, arguments)                                                      \
  static constexpr char gatedName_##name[] = #name;                                                  \
  extern "C" __attribute__((used, no_sanitize("address"))) decltype(&name) simulated_gate_##name() { \
    return &::simulated::Gate<&name, gatedName_##name>::call;                                        \
  }                                                                                                  \
  extern "C" __attribute__((visibility("default"), ifunc("simulated_gate_" #name)))                  \
  result gated_##name arguments __asm__(#name);
