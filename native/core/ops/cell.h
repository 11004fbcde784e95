// The recurrent cells. Included by kernels that are compiled with special flags, so it must hold no standard header of C++.
#pragma once

#include <stdint.h>

namespace cugru {

enum class Cell : uint8_t { gru, gruResetBefore, lstm, cifgLstm, rnnTanh, rnnRelu, leakyCifg };

// What a cell's parameters and states look like. Gates come in the order of the weights' rows.
struct CellKind {
  Cell cell;
  const char* name;
  const char* gateNames;
  int64_t gates;
  int64_t biases;     // 2: bias_ih and bias_hh; 1: bias_ih alone
  bool hasCellState;  // c beside h
};

}  // namespace cugru
