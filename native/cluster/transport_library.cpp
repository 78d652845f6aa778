#include "cluster/transport_library.h"

#include <dlfcn.h>

#include <stdexcept>

namespace wideload {
namespace {

[[noreturn]] void FailToOpen(const std::string& library) {
  const char* reason = dlerror();
  throw std::runtime_error("cannot open " + library + ": " +
                           (reason == nullptr ? "no reason given" : reason));
}

}  // namespace

std::unique_ptr<Transport> OpenTransport(const std::string& library, std::uintptr_t comm) {
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) FailToOpen(library);
  void* symbol = dlsym(handle, kMakeTransport);
  if (symbol == nullptr) FailToOpen(library);
  return std::unique_ptr<Transport>(reinterpret_cast<MakeTransport*>(symbol)(comm));
}

}  // namespace wideload
