#include "cluster/wire.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace wideload {
namespace {

TEST(Wire, Float16SurvivesARoundTripThroughFloat32) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float wide = FromFloat16(half);
    if (std::isnan(wide)) {
      EXPECT_TRUE(std::isnan(FromFloat16(ToFloat16(wide))));
    } else {
      EXPECT_EQ(ToFloat16(wide), half);
    }
  }
}

TEST(Wire, Bfloat16SurvivesARoundTripThroughFloat32) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    if (!std::isnan(FromBfloat16(half))) {
      EXPECT_EQ(ToBfloat16(FromBfloat16(half)), half);
    }
  }
}

TEST(Wire, RoundsToNearestEven) {
  EXPECT_EQ(FromFloat16(ToFloat16(1.0f + 0x1p-11f)), 1.0f);  // a tie goes to the even neighbour
  EXPECT_EQ(FromFloat16(ToFloat16(1.0f + 3 * 0x1p-11f)), 1.0f + 0x1p-9f);
  EXPECT_EQ(FromBfloat16(ToBfloat16(1.0f + 0x1p-8f)), 1.0f);
  EXPECT_EQ(FromBfloat16(ToBfloat16(1.0f + 3 * 0x1p-8f)), 1.0f + 0x1p-6f);
}

TEST(Wire, KeepsWhatHasNoNumber) {
  EXPECT_TRUE(std::isinf(FromFloat16(ToFloat16(1e6f))));
  EXPECT_TRUE(std::isnan(FromBfloat16(ToBfloat16(std::numeric_limits<float>::quiet_NaN()))));
}

}  // namespace
}  // namespace wideload
