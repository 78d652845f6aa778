#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "table/sparse_table.h"

namespace wideload {

// Convert whole rows to and from a dict of columns (class Rows of the stubs).
pybind11::dict ExportRows(const SparseTable& table, std::optional<std::uint32_t> shard);
void ImportColumns(SparseTable& table, const pybind11::dict& columns);

// Return the rows written, by file name, and the number of rows read.
pybind11::dict Save(const SparseTable& table, const std::filesystem::path& folder);
std::uint64_t Load(SparseTable& table, const std::filesystem::path& folder,
                   const std::optional<std::vector<std::uint32_t>>& shards);

}  // namespace wideload
