// Runs one case, by its name, in a process of its own; without arguments lists them: "name<tab>what it says", one a line.
#include <cstdio>
#include <cstring>

#include "check/check.h"

int main(int argc, char** argv) {
  using namespace simulated_check;
  if (argc < 2) {
    for (const Case& one : cases()) std::printf("%s\t%s\n", one.group, one.title);
    return 0;
  }
  if (const Command* command = findCommand(argv[1]); command != nullptr) return command->run(argc - 2, argv + 2);
  for (const Case& one : cases()) {
    if (std::strcmp(one.title, argv[1]) != 0) continue;
    one.run();
    return failures() == 0 ? 0 : 1;
  }
  std::fprintf(stderr, "there is no case '%s'\n", argv[1]);
  return 2;
}
