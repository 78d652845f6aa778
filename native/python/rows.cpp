#include "python/rows.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <stdexcept>
#include <utility>

#include "python/arrays.h"
#include "storage/shard_file.h"

namespace wideload {
namespace {

py::dict ToColumns(const SparseTable& table, RowBlock block) {
  const auto rows = static_cast<py::ssize_t>(block.rows());
  std::vector<std::uint32_t> last_step(block.rows());
  std::vector<float> show(block.rows()), click(block.rows());
  std::vector<std::uint16_t> flags(block.rows()), slot(block.rows());
  for (std::size_t i = 0; i < block.rows(); ++i) {
    last_step[i] = block.headers[i].last_step;
    show[i] = block.headers[i].show;
    click[i] = block.headers[i].click;
    flags[i] = block.headers[i].flags;
    slot[i] = block.headers[i].slot;
  }
  py::dict columns;
  columns["signs"] = Own(std::move(block.signs));
  columns["last_step"] = Own(std::move(last_step));
  columns["show"] = Own(std::move(show));
  columns["click"] = Own(std::move(click));
  columns["flags"] = Own(std::move(flags));
  columns["slot"] = Own(std::move(slot));
  columns["floats"] = Own(std::move(block.floats), {rows, static_cast<py::ssize_t>(table.row_floats())});
  return columns;
}

template <typename T>
std::vector<T> Column(const py::dict& columns, const char* name) {
  if (!columns.contains(name)) {
    throw std::invalid_argument(
        std::string("rows lack '") + name +
        "'; valid: what export_rows returns (signs, last_step, show, click, flags, slot, floats).");
  }
  const auto array = py::array_t<T, py::array::c_style | py::array::forcecast>::ensure(columns[name]);
  if (!array) {
    PyErr_Clear();
    throw std::invalid_argument(std::string("'") + name + "' of the rows cannot be read as an array.");
  }
  return std::vector<T>(array.data(), array.data() + array.size());
}

RowBlock FromColumns(const py::dict& columns) {
  RowBlock block;
  block.signs = Column<Sign>(columns, "signs");
  const auto last_step = Column<std::uint32_t>(columns, "last_step");
  const auto show = Column<float>(columns, "show");
  const auto click = Column<float>(columns, "click");
  const auto flags = Column<std::uint16_t>(columns, "flags");
  const auto slot = Column<std::uint16_t>(columns, "slot");
  for (const std::size_t size : {last_step.size(), show.size(), click.size(), flags.size(), slot.size()}) {
    if (size == block.rows()) continue;
    throw std::invalid_argument("a column of the rows has " + std::to_string(size) + " values for " +
                                std::to_string(block.rows()) + " signs; valid: one per sign.");
  }
  for (std::size_t i = 0; i < block.rows(); ++i) {
    block.headers.push_back({last_step[i], show[i], click[i], flags[i], slot[i]});
  }
  block.floats = Column<float>(columns, "floats");
  return block;
}

std::vector<bool> OwnedShards(const std::optional<std::vector<std::uint32_t>>& shards) {
  std::vector<bool> owned(kShards, !shards.has_value());
  if (!shards) return owned;
  for (const std::uint32_t shard : *shards) {
    if (shard >= kShards) {
      throw std::invalid_argument("shard " + std::to_string(shard) + "; valid: 0 to " +
                                  std::to_string(kShards - 1) + ".");
    }
    owned[shard] = true;
  }
  return owned;
}

}  // namespace

py::dict ExportRows(const SparseTable& table, std::optional<std::uint32_t> shard) {
  RowBlock all;
  {
    const py::gil_scoped_release unlocked;
    for (std::uint32_t s = shard.value_or(0); s < (shard ? *shard + 1 : kShards); ++s) {
      RowBlock block = table.ExportShard(s);
      if (shard) {
        all = std::move(block);
        break;
      }
      all.signs.insert(all.signs.end(), block.signs.begin(), block.signs.end());
      all.headers.insert(all.headers.end(), block.headers.begin(), block.headers.end());
      all.floats.insert(all.floats.end(), block.floats.begin(), block.floats.end());
    }
  }
  return ToColumns(table, std::move(all));
}

void ImportColumns(SparseTable& table, const py::dict& columns) {
  const RowBlock block = FromColumns(columns);
  const py::gil_scoped_release unlocked;
  table.ImportRows(block);
}

py::dict Save(const SparseTable& table, const std::filesystem::path& folder) {
  std::vector<ShardFile> files;
  {
    const py::gil_scoped_release unlocked;
    files = SaveTable(table, folder.string());
    if (files.empty())
      files.push_back(WriteShardFile(table, 0, folder.string()));  // an empty table can be loaded, too
  }
  py::dict rows;
  for (const ShardFile& file : files) rows[py::str(file.name)] = file.rows;
  return rows;
}

std::uint64_t Load(SparseTable& table, const std::filesystem::path& folder,
                   const std::optional<std::vector<std::uint32_t>>& shards) {
  const std::vector<bool> owned = OwnedShards(shards);
  const py::gil_scoped_release unlocked;
  return LoadTable(table, folder.string(), [&](std::uint32_t shard) { return owned[shard]; });
}

}  // namespace wideload
