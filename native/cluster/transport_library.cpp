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

template <typename Function>
Function* Find(const std::string& library, const char* name) {
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) FailToOpen(library);
  void* symbol = dlsym(handle, name);
  if (symbol == nullptr) FailToOpen(library);
  return reinterpret_cast<Function*>(symbol);
}

}  // namespace

std::unique_ptr<Transport> OpenTransport(const std::string& library, std::uintptr_t comm) {
  return std::unique_ptr<Transport>(Find<MakeTransport>(library, kMakeTransport)(comm));
}

std::unique_ptr<Collectives> OpenCollectives(const std::string& library, std::uintptr_t comm) {
  return std::unique_ptr<Collectives>(Find<MakeCollectives>(library, kMakeCollectives)(comm));
}

}  // namespace wideload
