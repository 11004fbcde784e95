// The worker's side of the line protocol (see serve.mjs), for peers in C++.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <functional>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

struct Case {
  std::string pass;
  long steps, batch, inputs, units, layers, directions;
};

inline double milliseconds(const std::function<void()>& call) {
  const auto begin = std::chrono::steady_clock::now();
  call();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
}

inline void sample(const std::function<void()>& call, double seconds) {
  call();
  call();
  std::vector<double> times;
  double total = 0;
  while (times.size() < 5 || total < seconds * 1e3) {
    times.push_back(milliseconds(call));
    total += times.back();
  }
  std::sort(times.begin(), times.end());
  std::printf("ok %.6f %.6f %zu\n", times[times.size() / 2], times[0], times.size());
}

inline int serve(const char* name, const std::string& version,
                 const std::function<std::function<void()>(const Case&)>& prepare) {
  std::printf("ready %s %s\n", name, version.c_str());
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream in(line);
    Case c;
    double seconds;
    in >> c.pass >> c.steps >> c.batch >> c.inputs >> c.units >> c.layers >> c.directions >> seconds;
    try {
      sample(prepare(c), seconds);
    } catch (const std::exception& error) {
      std::printf("refused %s\n", error.what());
    }
    std::fflush(stdout);
  }
  return 0;
}
