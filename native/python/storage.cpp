// Rows and row files as NumPy arrays, on which tools, increments and imports are built. Headers are
// structured arrays with the fields of RowHeader.

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "python/bindings.h"
#include "storage/crc32c.h"
#include "storage/row_file.h"
#include "storage/shard_file.h"
#include "table/sparse_table.h"

namespace py = pybind11;

namespace wideload {
namespace {

template <typename T>
using Array = py::array_t<T, py::array::c_style | py::array::forcecast>;

template <typename T>
py::array_t<T> Own(std::vector<T> values, std::vector<py::ssize_t> shape) {
  auto* held = new std::vector<T>(std::move(values));
  const py::capsule owner(held, [](void* p) { delete static_cast<std::vector<T>*>(p); });
  return py::array_t<T>(std::move(shape), held->data(), owner);
}

py::tuple ToArrays(RowBlock block, std::uint32_t row_floats) {
  const auto rows = static_cast<py::ssize_t>(block.rows());
  return py::make_tuple(Own(std::move(block.signs), {rows}), Own(std::move(block.headers), {rows}),
                        Own(std::move(block.floats), {rows, static_cast<py::ssize_t>(row_floats)}));
}

RowBlock FromArrays(const Array<Sign>& signs, const Array<RowHeader>& headers, const Array<float>& floats) {
  if (signs.ndim() != 1 || headers.ndim() != 1 || floats.ndim() != 2 || headers.size() != signs.size() ||
      floats.shape(0) != signs.size()) {
    throw std::invalid_argument("rows are " + std::to_string(signs.size()) + " signs and " +
                                std::to_string(headers.size()) +
                                " headers; valid: signs [n], headers [n], floats [n, row_floats].");
  }
  RowBlock block;
  block.signs.assign(signs.data(), signs.data() + signs.size());
  block.headers.assign(headers.data(), headers.data() + headers.size());
  block.floats.assign(floats.data(), floats.data() + floats.size());
  return block;
}

py::tuple ShardRows(const SparseTable& table, std::uint32_t shard) {
  RowBlock block;
  {
    const py::gil_scoped_release unlocked;
    block = table.ExportShard(shard);
  }
  return ToArrays(std::move(block), table.row_floats());
}

void PutRows(SparseTable& table, const Array<Sign>& signs, const Array<RowHeader>& headers,
             const Array<float>& floats) {
  const RowBlock block = FromArrays(signs, headers, floats);
  const py::gil_scoped_release unlocked;
  table.ImportRows(block);
}

std::uint64_t Write(const std::string& path, std::uint32_t shard, std::uint64_t digest,
                    const Array<Sign>& signs, const Array<RowHeader>& headers, const Array<float>& floats,
                    bool synced) {
  RowFile file{shard, digest, 0, FromArrays(signs, headers, floats)};
  file.row_floats = static_cast<std::uint32_t>(floats.shape(1));
  const py::gil_scoped_release unlocked;
  return WriteRowFile(file, path, synced ? Sync::kNow : Sync::kLater);
}

py::dict SaveRows(const SparseTable& table, const std::string& folder) {
  std::vector<ShardFile> files;
  {
    const py::gil_scoped_release unlocked;
    files = SaveTable(table, folder, {.sync = Sync::kLater, .seed = false});
  }
  py::dict rows;
  for (const ShardFile& file : files) rows[py::str(file.name)] = file.rows;
  return rows;
}

py::tuple Read(const std::string& path) {
  RowFile file;
  {
    const py::gil_scoped_release unlocked;
    file = ReadRowFile(path);
  }
  const py::tuple rows = ToArrays(std::move(file.rows), file.row_floats);
  return py::make_tuple(file.shard, file.digest, rows[0], rows[1], rows[2]);
}

std::uint32_t Checksum(const py::bytes& data, std::uint32_t before) {
  const auto view = static_cast<std::string_view>(data);
  return Crc32c(view.data(), view.size(), before);
}

}  // namespace

void BindStorage(py::module_& m) {
  PYBIND11_NUMPY_DTYPE(RowHeader, last_step, show, click, flags, slot);
  m.def(
      "row_digest", [](const SparseTable& t) { return DigestOf(t.spec()); }, py::arg("table"),
      "The digest of a table's declaration; rows can move between tables of equal digest.");
  m.def("shard_rows", &ShardRows, py::arg("table"), py::arg("shard"),
        "A shard's whole rows in order of their hashes: signs uint64 [n], headers [n], "
        "floats [n, row_floats].");
  m.def("put_rows", &PutRows, py::arg("table"), py::arg("signs"), py::arg("headers"), py::arg("floats"),
        "Inserts or overwrites whole rows.");
  m.def("write_row_file", &Write, py::arg("path"), py::arg("shard"), py::arg("digest"), py::arg("signs"),
        py::arg("headers"), py::arg("floats"), py::arg("synced") = true,
        "Writes a complete row file and returns its size in bytes; flushed to the disk if ``synced``.");
  m.def("save_rows", &SaveRows, py::arg("table"), py::arg("folder"),
        "Writes one file per shard that has rows, for the caller to sync; returns rows by file name.");
  m.def("read_row_file", &Read, py::arg("path"),
        "Returns (shard, digest, signs, headers, floats) of a row file after checking every checksum.");
  m.def("crc32c", &Checksum, py::arg("data"), py::arg("before") = 0, "CRC-32C of bytes.");
}

}  // namespace wideload
