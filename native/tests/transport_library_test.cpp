#include "cluster/transport_library.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace wideload {
namespace {

std::string ErrorOf(const std::string& library) {
  try {
    OpenTransport(library, 0);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "no error";
}

TEST(TransportLibrary, OneThatIsMissingIsNamed) {
  EXPECT_NE(ErrorOf("/nowhere/libwideload_mpich.so").find("cannot open /nowhere/libwideload_mpich.so: "),
            std::string::npos);
}

TEST(TransportLibrary, OneThatIsSomethingElseIsNamed) {
  const std::string error = ErrorOf("libm.so.6");
  EXPECT_NE(error.find("cannot open libm.so.6: "), std::string::npos);
  EXPECT_NE(error.find(kMakeTransport), std::string::npos);
}

}  // namespace
}  // namespace wideload
