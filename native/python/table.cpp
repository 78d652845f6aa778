// wideload.SparseTable. NumPy arrays are read and written in place; the GIL is released during every batched
// operation.

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "python/arrays.h"
#include "python/bindings.h"
#include "python/rows.h"
#include "storage/atomic_file.h"
#include "table/hash.h"
#include "table/initializer.h"
#include "table/sparse_table.h"
#include "table/spec.h"
#include "table/unique.h"

namespace wideload {
namespace {

py::array SignHash(std::int64_t slot_salt, const py::object& values) {
  const Signs given(values);
  py::array_t<std::int64_t> out(static_cast<py::ssize_t>(given.size()));
  std::int64_t* target = out.mutable_data();
  {
    const py::gil_scoped_release unlocked;
    for (const std::uint64_t value : given.view()) {
      *target++ = static_cast<std::int64_t>(SignOf(static_cast<std::uint64_t>(slot_salt), value));
    }
  }
  return out;
}

py::array_t<float> InitialRowsOf(const std::string& name, const std::vector<SliceSpec>& slices,
                                 const py::object& signs, const py::object& seed) {
  const TableSpec spec =
      TableSpec{.name = name, .seed = Bounded<std::uint64_t>(seed, "seed"), .slices = slices, .life = {}};
  const Signs given(signs);
  py::array_t<float> rows = NewMatrix(given.size(), RowLayout(spec).width());
  float* target = rows.mutable_data();
  const py::gil_scoped_release unlocked;
  InitialRows(spec, given.view(), target);
  return rows;
}

py::tuple UniqueOf(const py::object& signs) {
  const Signs given(signs);
  thread_local Unique scratch;
  Unique::Result found;
  {
    const py::gil_scoped_release unlocked;
    found = scratch.Find(given.view());
  }
  const auto rows = static_cast<py::ssize_t>(found.unique.size());
  py::object unique;
  if (given.is_signed()) {
    unique = py::array_t<std::int64_t>(rows, reinterpret_cast<const std::int64_t*>(found.unique.data()));
  } else {
    unique = py::array_t<std::uint64_t>(rows, found.unique.data());
  }
  return py::make_tuple(
      unique, py::array_t<std::int32_t>(static_cast<py::ssize_t>(found.inverse.size()), found.inverse.data()),
      py::array_t<std::int32_t>(rows, found.counts.data()));
}

using Step = std::uint32_t;

Step StepOf(const py::object& step) { return Bounded<Step>(step, "step"); }

py::array_t<float> Pull(SparseTable& table, const py::object& signs, const py::object& at,
                        const py::object& out) {
  const Signs given(signs);
  const Step step = StepOf(at);
  py::array_t<float> rows = Target(out, given.size(), table.width());
  float* target = rows.mutable_data();
  const py::gil_scoped_release unlocked;
  table.Pull(given.view(), step, target);
  return rows;
}

py::array_t<float> PullReadOnly(const SparseTable& table, const py::object& signs, const std::string& absent,
                                const py::object& out) {
  if (absent != "initial" && absent != "zeros") {
    throw std::invalid_argument("unknown absent '" + absent + "'. Valid: initial, zeros.");
  }
  const Signs given(signs);
  py::array_t<float> rows = Target(out, given.size(), table.width());
  float* target = rows.mutable_data();
  const auto rule = absent == "zeros" ? SparseTable::Absent::kZeros : SparseTable::Absent::kInitial;
  const py::gil_scoped_release unlocked;
  table.PullReadOnly(given.view(), target, rule);
  return rows;
}

void Push(SparseTable& table, const py::object& signs, const Floats& gradients, const py::object& at,
          const py::object& shows, const py::object& clicks) {
  const Signs given(signs);
  const Step step = StepOf(at);
  RequireMatrix(gradients, given.size(), table.width(), "gradients of table '" + table.spec().name + "'");
  const std::optional<Floats> show_values = OptionalFloats(shows), click_values = OptionalFloats(clicks);
  const float* source = gradients.data();
  const py::gil_scoped_release unlocked;
  table.Push(given.view(), source, step, ViewOf(show_values), ViewOf(click_values));
}

// SparseTable('clicks', slices=[wide (1, ftrl), deep (8, adagrad)], rows=3)
std::string Describe(const SparseTable& table) {
  std::string slices;
  for (const SliceSpec& slice : table.spec().slices) {
    slices += (slices.empty() ? "" : ", ") + slice.name + " (" + std::to_string(slice.dim) + ", " +
              std::string(NameOf(slice.optimizer.kind)) + ")";
  }
  std::uint64_t rows = 0;
  {
    const py::gil_scoped_release unlocked;
    rows = table.size();
  }
  return "SparseTable(" + py::repr(py::str(table.spec().name)).cast<std::string>() + ", slices=[" + slices +
         "], rows=" + std::to_string(rows) + ")";
}

py::dict MemoryOf(const SparseTable& table) {
  TableMemory memory;
  {
    const py::gil_scoped_release unlocked;
    memory = table.memory();
  }
  py::dict owners;
  owners["weights"] = memory.weights;
  owners["optimizer"] = memory.optimizer;
  owners["headers"] = memory.headers;
  owners["index"] = memory.index;
  owners["slack"] = memory.slack;
  owners["fixed"] = memory.fixed;
  owners["total"] = memory.total();
  return owners;
}

void BindSparseTable(py::module_& m) {
  const auto unlocked = py::call_guard<py::gil_scoped_release>();
  py::class_<SparseTable, std::shared_ptr<SparseTable>>(
      m, "SparseTable", "A mutable embedding store: one row of weights and optimizer state per 64-bit sign.")
      .def(py::init([](const std::string& name, const std::vector<SliceSpec>& slices, const py::object& seed,
                       const std::optional<RowLife>& life, bool nan_guard, int threads) {
             auto table = std::make_shared<SparseTable>(TableSpec{
                 name, Bounded<std::uint64_t>(seed, "seed"), slices, life.value_or(RowLife{}), nan_guard});
             if (threads != 1) table->SetThreads(threads);
             return table;
           }),
           py::arg("name"), py::arg("slices"), py::kw_only(), py::arg("seed") = 0,
           py::arg("life") = py::none(), py::arg("nan_guard") = false, py::arg("threads") = 1)
      .def_property_readonly("name", [](const SparseTable& t) { return t.spec().name; })
      .def_property_readonly("slices", [](const SparseTable& t) { return t.spec().slices; })
      .def_property_readonly("seed", [](const SparseTable& t) { return t.spec().seed; })
      .def_property_readonly("width", &SparseTable::width)
      .def_property_readonly("row_floats", &SparseTable::row_floats)
      .def_property_readonly("salt", &SparseTable::salt)
      .def_property("learning_rate_scale", &SparseTable::learning_rate_scale,
                    &SparseTable::SetLearningRateScale)
      .def_property("threads", &SparseTable::threads, &SparseTable::SetThreads)
      .def("__len__", &SparseTable::size, unlocked)
      .def("__repr__", &Describe)
      .def("size", &SparseTable::size, unlocked)
      .def("pull", &Pull, py::arg("signs"), py::kw_only(), py::arg("step") = 0, py::arg("out") = py::none(),
           "Weights [n, width] float32 of the rows; absent rows are created.")
      .def("pull_read_only", &PullReadOnly, py::arg("signs"), py::kw_only(), py::arg("absent") = "initial",
           py::arg("out") = py::none(), "Weights [n, width] float32; creates nothing.")
      .def("push", &Push, py::arg("signs"), py::arg("gradients"), py::kw_only(), py::arg("step") = 0,
           py::arg("shows") = py::none(), py::arg("clicks") = py::none(),
           "Sums the gradients [n, width] of equal signs and applies each optimizer once per row.")
      .def(
          "erase",
          [](SparseTable& t, const py::object& signs) {
            const Signs given(signs);
            const py::gil_scoped_release released;
            return t.Erase(given.view());
          },
          py::arg("signs"), "Erases rows; returns how many there were.")
      .def("clear", &SparseTable::Clear, unlocked)
      .def("decay", &SparseTable::Decay, unlocked, "Multiplies show and click of every row by life.decay.")
      .def(
          "evict",
          [](SparseTable& t, const py::object& at) {
            const Step step = StepOf(at);
            Evicted evicted;
            {
              const py::gil_scoped_release released;
              evicted = t.Evict(step);
            }
            py::dict counts;
            counts["expired"] = evicted.expired;
            counts["low_score"] = evicted.low_score;
            counts["trimmed"] = evicted.trimmed;
            return counts;
          },
          py::arg("step"), "Drops rows by the rules of RowLife; returns the number dropped by each rule.")
      .def("shrink", &SparseTable::Shrink, unlocked, "Returns the memory of dropped rows to the system.")
      .def("memory", &MemoryOf, "Bytes by purpose; 'total' is their sum.")
      .def("shard_size", &SparseTable::shard_size, py::arg("shard"), unlocked)
      .def("export_rows", &ExportRows, py::arg("shard") = py::none(),
           "Exact copies of whole rows, as columns.")
      .def("import_rows", &ImportColumns, py::arg("rows"), "Inserts or overwrites what export_rows returned.")
      .def("save", &Save, py::arg("folder"),
           "Writes one checksummed file per shard that has rows; returns rows by file name.")
      .def("load", &Load, py::arg("folder"), py::kw_only(), py::arg("shards") = py::none(),
           "Reads the files present, of the given shards or of all; returns the number of rows.");
}

// std::logic_error becomes UsageError and StorageError becomes CheckpointError (wideload.errors).
void TranslateErrors() {
  py::register_local_exception_translator([](std::exception_ptr thrown) {
    try {
      if (thrown) std::rethrow_exception(thrown);
    } catch (const StorageError& error) {
      py::set_error(py::module_::import("wideload.errors").attr("CheckpointError"), error.what());
    } catch (const std::logic_error& error) {
      py::set_error(py::module_::import("wideload.errors").attr("UsageError"), error.what());
    }
  });
}
}  // namespace

void BindTable(py::module_& m) {
  TranslateErrors();
  m.attr("SHARDS") = kShards;
  BindDeclarations(m);
  BindSparseTable(m);
  m.def("sign_hash", &SignHash, py::arg("slot_salt"), py::arg("values"),
        "Signs int64 [n] of the values in a slot: Mix64(Mix64(slot_salt) ^ value).");
  m.def(
      "salt_of", [](const std::string& name) { return static_cast<std::int64_t>(SaltOf(name)); },
      py::arg("name"), "The salt that a name gives.");
  m.def("initial_rows", &InitialRowsOf, py::arg("name"), py::arg("slices"), py::arg("signs"), py::kw_only(),
        py::arg("seed") = 0, "The rows [n, width] float32 that a table of that declaration would create.");
  m.def("unique", &UniqueOf, py::arg("signs"),
        "Distinct signs in order of first appearance, inverse int32 [n], counts int32 [u].");
}

}  // namespace wideload
