// libFuzzer over the wire: scripts of messages and calls (tests/wire_script.h). `nox -s fuzz` runs it. At the end it
// says how many messages a rank was sent.

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "wire_script.h"

namespace {
std::uint64_t delivered = 0;

void Report() { std::fprintf(stderr, "%llu messages\n", static_cast<unsigned long long>(delivered)); }
}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) { return std::atexit(Report); }

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  delivered += wideload::testing::RunScript({data, size}).messages;
  return 0;
}
