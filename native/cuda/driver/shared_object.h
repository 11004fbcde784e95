// Shared libraries by name: the only file that knows how this system opens them.
//
// Nothing is ever closed. NVIDIA's libraries start threads, register handlers and keep pointers into each other; unloading one
// of them, or a driver that has been initialised, takes the process down. A library that was refused costs some address space.
#pragma once

#include <string>

namespace cugru::cuda {

using LibraryHandle = void*;  // null: not opened

// A path or, without a slash, a name for the system's loader. On failure `error` says why.
LibraryHandle openLibrary(const std::string& name, std::string& error);

// A library that the process has already, by the name that it was given when it was built.
LibraryHandle findLoaded(const std::string& name);

void* symbolOf(LibraryHandle handle, const char* name);  // null when it is not there

std::string pathOf(LibraryHandle handle);  // the file that it came from; empty when that cannot be told

}  // namespace cugru::cuda
