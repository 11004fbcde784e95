// How a library's list of symbols becomes a table of function pointers. Each API header has one list,
//   #define CUGRU_..._SYMBOLS(REQUIRED, OPTIONAL) REQUIRED(result, name, (arguments)) ...
// and everything that needs the list reads that one: the table, the loader, the simulated device, the check against the
// vendor's headers. A library without a required symbol is refused; an optional one stays null.
#pragma once

#include <cstddef>

// A member of the table.
#define CUGRU_SYMBOL_POINTER(result, name, arguments) result(*name) arguments = nullptr;
// A row for the loader, inside of a function with a table called `api`.
#define CUGRU_SYMBOL_REQUIRED(result, name, arguments) {#name, reinterpret_cast<void**>(&api.name), true},
#define CUGRU_SYMBOL_OPTIONAL(result, name, arguments) {#name, reinterpret_cast<void**>(&api.name), false},

namespace cugru::cuda {

// Where one symbol's address goes.
struct SymbolSlot {
  const char* name;
  void** address;
  bool required;
};

}  // namespace cugru::cuda
