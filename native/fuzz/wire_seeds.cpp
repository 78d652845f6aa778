// Writes one honest script per mode into the folder given: where the fuzzer starts.

#include <fstream>
#include <string>

#include "wire_script.h"

int main(int count, char** arguments) {
  if (count != 2) return 2;
  for (int mode = 0; mode < wideload::testing::kModes; ++mode) {
    const auto script = wideload::testing::HonestScript(static_cast<std::uint8_t>(mode));
    std::ofstream file(std::string(arguments[1]) + "/honest_" + std::to_string(mode), std::ios::binary);
    file.write(reinterpret_cast<const char*>(script.data()), static_cast<std::streamsize>(script.size()));
    if (!file) return 1;
  }
  return 0;
}
