// The Python classes that declare a table: Slice, Initializer, RowLife and the optimizers.

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "python/arrays.h"
#include "python/bindings.h"
#include "table/spec.h"

namespace py = pybind11;

namespace wideload {
namespace {

template <typename T>
void ReadField(const py::object& from, const char* name, T& field) {
  if (py::hasattr(from, name)) field = from.attr(name).cast<T>();
}

// Accepts an Optimizer, or any object with a `kind` and the fields of that kind, such as a declaration of
// wideload.harness.workload.
OptimizerSpec ToOptimizer(const py::object& given) {
  if (py::isinstance<OptimizerSpec>(given)) return given.cast<OptimizerSpec>();
  if (!py::hasattr(given, "kind")) {
    throw std::invalid_argument(
        "optimizer is " + py::repr(given).cast<std::string>() +
        "; valid: Ftrl(...), AdaGrad(...), RowWiseAdaGrad(...), Adam(...), Sgd(...).");
  }
  OptimizerSpec spec;
  spec.kind = ParseOptimizerKind(given.attr("kind").cast<std::string>());
  ReadField(given, "learning_rate", spec.learning_rate);
  ReadField(given, "initial_accumulator", spec.initial_accumulator);
  ReadField(given, "epsilon", spec.epsilon);
  ReadField(given, "l1", spec.l1);
  ReadField(given, "l2", spec.l2);
  ReadField(given, "beta_1", spec.beta_1);
  ReadField(given, "beta_2", spec.beta_2);
  ReadField(given, "momentum", spec.momentum);
  Validate(spec);
  return spec;
}

InitializerSpec ToInitializer(const py::object& given) {
  if (py::isinstance<InitializerSpec>(given)) return given.cast<InitializerSpec>();
  if (!py::hasattr(given, "kind")) {
    throw std::invalid_argument("initializer is " + py::repr(given).cast<std::string>() +
                                "; valid: Initializer(...).");
  }
  InitializerSpec spec;
  spec.kind = ParseInitializerKind(given.attr("kind").cast<std::string>());
  ReadField(given, "scale", spec.scale);
  Validate(spec);
  return spec;
}

OptimizerSpec MakeOptimizer(OptimizerSpec spec) {
  Validate(spec);
  return spec;
}

std::uint32_t RequireDimension(std::int64_t dimension, const std::string& name) {
  if (dimension < 1 || dimension > 65536) {
    throw std::invalid_argument("slice '" + name + "' has dimension " + std::to_string(dimension) +
                                "; valid: 1 to 65536.");
  }
  return static_cast<std::uint32_t>(dimension);
}

// Accepts a pair (signs, rows) with the signs in any order.
std::shared_ptr<const PretrainedRows> ToPretrained(const py::object& given, const SliceSpec& slice) {
  const auto [first, second] = given.cast<std::pair<py::object, Floats>>();
  const Signs signs(first);
  RequireMatrix(second, signs.size(), slice.dim, "pretrained rows of slice '" + slice.name + "'");
  std::vector<std::size_t> order(signs.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) { return signs.view()[i]; });
  auto found = std::make_shared<PretrainedRows>();
  found->signs.reserve(order.size());
  found->rows.reserve(order.size() * slice.dim);
  for (const std::size_t i : order) {
    const float* row = second.data() + i * slice.dim;
    found->signs.push_back(signs.view()[i]);
    found->rows.insert(found->rows.end(), row, row + slice.dim);
  }
  return found;
}

WhenFull ParseWhenFull(const std::string& name) {
  if (name == "raise") return WhenFull::kRaise;
  if (name == "trim") return WhenFull::kTrim;
  throw std::invalid_argument("unknown when_full '" + name + "'. Valid: raise, trim.");
}

}  // namespace

void BindDeclarations(py::module_& m) {
  const OptimizerSpec defaults;
  py::class_<OptimizerSpec>(
      m, "Optimizer",
      "The update rule of one slice; returned by Ftrl, AdaGrad, RowWiseAdaGrad, Adam and Sgd.")
      .def_property_readonly("kind", [](const OptimizerSpec& o) { return std::string(NameOf(o.kind)); })
      .def_readonly("learning_rate", &OptimizerSpec::learning_rate)
      .def_readonly("initial_accumulator", &OptimizerSpec::initial_accumulator)
      .def_readonly("epsilon", &OptimizerSpec::epsilon)
      .def_readonly("l1", &OptimizerSpec::l1)
      .def_readonly("l2", &OptimizerSpec::l2)
      .def_readonly("beta_1", &OptimizerSpec::beta_1)
      .def_readonly("beta_2", &OptimizerSpec::beta_2)
      .def_readonly("momentum", &OptimizerSpec::momentum)
      .def("__repr__", [](const OptimizerSpec& o) {
        return "Optimizer(kind='" + std::string(NameOf(o.kind)) +
               "', learning_rate=" + std::to_string(o.learning_rate) + ")";
      });

  m.def(
      "Ftrl",
      [](float learning_rate, float l1, float l2, float initial_accumulator) {
        return MakeOptimizer({.kind = OptimizerKind::kFtrl,
                              .learning_rate = learning_rate,
                              .initial_accumulator = initial_accumulator,
                              .l1 = l1,
                              .l2 = l2});
      },
      py::kw_only(), py::arg("learning_rate") = 0.05f, py::arg("l1") = 0.0f, py::arg("l2") = 0.0f,
      py::arg("initial_accumulator") = 0.1f, "FTRL-proximal, as TensorFlow's ResourceApplyFtrl.");
  m.def(
      "AdaGrad",
      [](float learning_rate, float initial_accumulator, float epsilon) {
        return MakeOptimizer({.kind = OptimizerKind::kAdaGrad,
                              .learning_rate = learning_rate,
                              .initial_accumulator = initial_accumulator,
                              .epsilon = epsilon});
      },
      py::kw_only(), py::arg("learning_rate") = 0.05f, py::arg("initial_accumulator") = 0.1f,
      py::arg("epsilon") = 1e-7f, "AdaGrad with one accumulator per element.");
  m.def(
      "RowWiseAdaGrad",
      [](float learning_rate, float initial_accumulator, float epsilon) {
        return MakeOptimizer({.kind = OptimizerKind::kRowWiseAdaGrad,
                              .learning_rate = learning_rate,
                              .initial_accumulator = initial_accumulator,
                              .epsilon = epsilon});
      },
      py::kw_only(), py::arg("learning_rate") = 0.05f, py::arg("initial_accumulator") = 0.1f,
      py::arg("epsilon") = 1e-7f, "AdaGrad with one accumulator per row, of the mean squared gradient.");
  m.def(
      "Adam",
      [](float learning_rate, float beta_1, float beta_2, float epsilon) {
        return MakeOptimizer({.kind = OptimizerKind::kAdam,
                              .learning_rate = learning_rate,
                              .epsilon = epsilon,
                              .beta_1 = beta_1,
                              .beta_2 = beta_2});
      },
      py::kw_only(), py::arg("learning_rate") = 0.001f, py::arg("beta_1") = 0.9f, py::arg("beta_2") = 0.999f,
      py::arg("epsilon") = 1e-7f, "Lazy Adam: bias correction counts the row's own updates.");
  m.def(
      "Sgd",
      [](float learning_rate, float momentum) {
        return MakeOptimizer(
            {.kind = OptimizerKind::kSgd, .learning_rate = learning_rate, .momentum = momentum});
      },
      py::kw_only(), py::arg("learning_rate") = 0.05f, py::arg("momentum") = 0.0f,
      "SGD with classical momentum.");

  py::class_<InitializerSpec>(
      m, "Initializer",
      "The initial weights of a slice of a new row: a pure function of seed, table and sign.")
      .def(py::init([](const std::string& kind, float scale) {
             const InitializerSpec spec{.kind = ParseInitializerKind(kind), .scale = scale};
             Validate(spec);
             return spec;
           }),
           py::arg("kind") = "uniform", py::arg("scale") = 0.05f)
      .def_property_readonly("kind", [](const InitializerSpec& i) { return std::string(NameOf(i.kind)); })
      .def_readonly("scale", &InitializerSpec::scale);

  py::class_<SliceSpec>(m, "Slice", "A part of every row with its own dimension, optimizer and initialiser.")
      .def(py::init([](const std::string& name, std::int64_t dimension, const py::object& optimizer,
                       const py::object& initializer, float admit_at, const py::object& pretrained) {
             SliceSpec slice{.name = name,
                             .dim = RequireDimension(dimension, name),
                             .optimizer = {},
                             .initializer = {},
                             .admit_at = admit_at};
             if (!optimizer.is_none()) slice.optimizer = ToOptimizer(optimizer);
             if (!initializer.is_none()) slice.initializer = ToInitializer(initializer);
             if (!pretrained.is_none()) slice.pretrained = ToPretrained(pretrained, slice);
             return slice;
           }),
           py::arg("name"), py::arg("dimension"), py::kw_only(), py::arg("optimizer") = py::none(),
           py::arg("initializer") = py::none(), py::arg("admit_at") = 0.0f,
           py::arg("pretrained") = py::none(),
           "pretrained: distinct signs [n] and their initial rows [n, dimension], or None.")
      .def_readonly("name", &SliceSpec::name)
      .def_readonly("dimension", &SliceSpec::dim)
      .def_readonly("optimizer", &SliceSpec::optimizer)
      .def_readonly("initializer", &SliceSpec::initializer)
      .def_readonly("admit_at", &SliceSpec::admit_at);

  py::class_<RowLife>(m, "RowLife", "When rows are dropped; a rule that is 0 is off.")
      .def(py::init([](std::uint32_t ttl_steps, float min_score, float decay, float nonclick_weight,
                       float click_weight, std::uint64_t max_rows, std::uint64_t max_bytes,
                       const std::string& when_full) {
             return RowLife{ttl_steps,    min_score, decay,     nonclick_weight,
                            click_weight, max_rows,  max_bytes, ParseWhenFull(when_full)};
           }),
           py::kw_only(), py::arg("ttl_steps") = 0, py::arg("min_score") = 0.0f, py::arg("decay") = 1.0f,
           py::arg("nonclick_weight") = 1.0f, py::arg("click_weight") = 1.0f, py::arg("max_rows") = 0,
           py::arg("max_bytes") = 0, py::arg("when_full") = "trim")
      .def_readonly("ttl_steps", &RowLife::ttl_steps)
      .def_readonly("min_score", &RowLife::min_score)
      .def_readonly("decay", &RowLife::decay)
      .def_readonly("nonclick_weight", &RowLife::nonclick_weight)
      .def_readonly("click_weight", &RowLife::click_weight)
      .def_readonly("max_rows", &RowLife::max_rows)
      .def_readonly("max_bytes", &RowLife::max_bytes)
      .def_property_readonly(
          "when_full", [](const RowLife& l) { return l.when_full == WhenFull::kRaise ? "raise" : "trim"; });
}

}  // namespace wideload
