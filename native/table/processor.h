#pragma once

namespace wideload {

// The level of x86-64 that this library was compiled for, "x86-64-v2" to "x86-64-v4"; "generic" below and on
// other processors. A portable build has a library per level, among which the loader chooses (glibc-hwcaps).
// All give the same bits: no fused multiply-adds, and no sum of floats in an order that a vector's width sets.
const char* ProcessorLevel();

}  // namespace wideload
