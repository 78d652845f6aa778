// wideload._native.PsCluster: the parameter server as seen from Python. It covers set-up, prefetch, flush,
// counters and dense weights; the training step itself uses the TensorFlow ops.

#include <pybind11/functional.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cluster/owner.h"
#include "cluster/ps_cluster.h"
#include "cluster/transport_library.h"
#include "cluster/wire.h"
#include "python/bindings.h"

namespace py = pybind11;

namespace wideload {
namespace {

using Signs = py::array_t<std::int64_t, py::array::c_style | py::array::forcecast>;
using Floats = py::array_t<float, py::array::c_style | py::array::forcecast>;

WireFormat ParseFormat(const std::string& name) {
  if (name == "fp32") return WireFormat::kFloat32;
  if (name == "fp16") return WireFormat::kFloat16;
  if (name == "bf16") return WireFormat::kBfloat16;
  throw std::invalid_argument("wire format '" + name + "' is not one of fp32, fp16, bf16");
}

std::chrono::milliseconds Milliseconds(double seconds) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000.0));
}

// Owned by Python; the ops find it by its `id`.
class PyCluster {
 public:
  PyCluster(const std::string& transport, std::uintptr_t comm,
            std::vector<std::shared_ptr<SparseTable>> tables, const Floats& dense,
            const std::vector<std::pair<std::size_t, OptimizerSpec>>& segments, bool synchronous,
            std::uint64_t staleness, const std::string& wire, std::size_t max_in_flight, double timeout,
            double resend_after, double idle_poll) {
    ClusterOptions options;
    options.policy = {synchronous, staleness, ParseFormat(wire)};
    options.max_in_flight = max_in_flight;
    options.timeout = Milliseconds(timeout);
    options.resend_after = Milliseconds(resend_after);
    options.idle_poll = std::chrono::microseconds(static_cast<std::int64_t>(idle_poll * 1e6));
    std::vector<DenseSegment> dense_segments;
    dense_segments.reserve(segments.size());
    for (const auto& [size, optimizer] : segments) dense_segments.push_back({size, optimizer});
    cluster_ = std::make_shared<PsCluster>(OpenTransport(transport, comm), std::move(tables),
                                           std::vector<float>(dense.data(), dense.data() + dense.size()),
                                           std::move(dense_segments), options);
    id_ = Clusters().Add(cluster_);
  }
  ~PyCluster() { Close(); }
  PyCluster(const PyCluster&) = delete;
  PyCluster& operator=(const PyCluster&) = delete;

  std::int64_t id() const { return id_; }
  PsCluster& get() const {
    if (cluster_ == nullptr) throw std::runtime_error("the cluster is closed");
    return *cluster_;
  }

  void Close() {
    if (cluster_ == nullptr) return;
    Clusters().Remove(id_);
    py::gil_scoped_release release;
    cluster_->Close();
    cluster_.reset();
  }

 private:
  std::shared_ptr<PsCluster> cluster_;
  std::int64_t id_ = 0;
};

void Prefetch(const PyCluster& cluster, std::uint64_t step, const std::vector<Signs>& signs) {
  std::vector<std::vector<Sign>> copies;
  for (const Signs& table : signs) {
    const auto* begin = reinterpret_cast<const Sign*>(table.data());
    copies.emplace_back(begin, begin + table.size());
  }
  py::gil_scoped_release release;
  cluster.get().Prefetch(step, std::move(copies));
}

py::tuple DenseState(const PyCluster& cluster) {
  std::vector<float> weights, state;
  std::uint64_t updates = 0;
  {
    py::gil_scoped_release release;
    PsCluster& ps = cluster.get();
    ps.RunOnService([&] {
      weights.assign(ps.dense().weights().begin(), ps.dense().weights().end());
      state.assign(ps.dense().state().begin(), ps.dense().state().end());
      updates = ps.dense().updates();
    });
  }
  const auto array = [](const std::vector<float>& values) {
    return py::array_t<float>(static_cast<py::ssize_t>(values.size()), values.data());
  };
  return py::make_tuple(array(weights), array(state), updates);
}

void RestoreDense(const PyCluster& cluster, const Floats& weights, const Floats& state,
                  std::uint64_t updates) {
  const std::span<const float> given_weights(weights.data(), static_cast<std::size_t>(weights.size()));
  const std::span<const float> given_state(state.data(), static_cast<std::size_t>(state.size()));
  py::gil_scoped_release release;
  PsCluster& ps = cluster.get();
  ps.RunOnService([&] { ps.dense().Restore(given_weights, given_state, updates); });
}

}  // namespace

void BindCluster(py::module_& m) {
  py::class_<PyCluster>(
      m, "PsCluster",
      R"(One rank of the parameter server: its service thread, its shard of every table and its
slice of the dense parameters. Made collectively: every rank of the communicator makes it, with equal arguments.

Args:
    transport: path of the library that carries messages over the MPI of ``comm``; it is opened by this call.
    comm: handle of an MPI communicator (``mpi4py.MPI._handleof(comm)``); it is duplicated.
    tables: one SparseTable per table of the model.
    dense: float32 [P], the initial flat vector of dense parameters.
    segments: (size, optimizer) per run of dense parameters; sizes add up to P.
    synchronous: large-batch SGD; otherwise every message is served as it arrives.
    staleness: asynchronous only: steps that the slowest rank may lag behind; 2**64 - 1 for no bound.
    wire: rows and gradients between ranks travel as ``fp32``, ``fp16`` or ``bf16``.
    max_in_flight: asynchronous only: unacknowledged pushes to one owner before a push waits.
    timeout: seconds without an answer before the job fails, naming the ranks that are missing.
    resend_after: asynchronous only: seconds before an unacknowledged push is sent again (and applied once), twice as
        long after each; 0 for never, since MPI loses nothing.
    idle_poll: seconds between checks for messages while no caller waits.)")
      .def(py::init<const std::string&, std::uintptr_t, std::vector<std::shared_ptr<SparseTable>>,
                    const Floats&, const std::vector<std::pair<std::size_t, OptimizerSpec>>&, bool,
                    std::uint64_t, const std::string&, std::size_t, double, double, double>(),
           py::kw_only(), py::arg("transport"), py::arg("comm"), py::arg("tables"), py::arg("dense"),
           py::arg("segments"), py::arg("synchronous") = true, py::arg("staleness") = UINT64_MAX,
           py::arg("wire") = "fp32", py::arg("max_in_flight") = 4, py::arg("timeout") = 60.0,
           py::arg("resend_after") = 0.0, py::arg("idle_poll") = 200e-6)
      .def_property_readonly("id", &PyCluster::id, "The value of the ops' attribute ``cluster``.")
      .def_property_readonly("rank", [](const PyCluster& self) { return self.get().rank(); })
      .def_property_readonly("ranks", [](const PyCluster& self) { return self.get().ranks(); })
      .def("prefetch", &Prefetch, py::arg("step"), py::arg("signs"),
           "Starts the pull of a step ahead of time. signs: one int64 array per table. Changes no result.")
      .def(
          "flush", [](const PyCluster& self) { self.get().Flush(); },
          py::call_guard<py::gil_scoped_release>(),
          "Waits until every owner has applied all pushes of this rank.")
      .def(
          "abandon",
          [](const PyCluster& self, std::uint64_t step) {
            std::promise<std::string> done;
            self.get().Abandon(step, [&done](const std::string& error) { done.set_value(error); });
            const std::string error = done.get_future().get();
            if (!error.empty()) throw std::runtime_error(error);
          },
          py::arg("step"), py::call_guard<py::gil_scoped_release>(),
          "Drops a step that was pulled and will not be pushed; waits until all its rows have arrived.")
      .def(
          "set_first_step", [](const PyCluster& self, std::uint64_t step) { self.get().SetFirstStep(step); },
          py::arg("step"), py::call_guard<py::gil_scoped_release>(),
          "Sets the number of the first step of a resumed run. Call on every rank before the first pull.")
      .def(
          "set_learning_rate_scale",
          [](const PyCluster& self, float scale) { self.get().SetLearningRateScale(scale); },
          py::arg("scale"), py::call_guard<py::gil_scoped_release>(),
          "Multiplies every learning rate of this rank's shard from now on.")
      .def_property_readonly(
          "wait_seconds",
          [](const PyCluster& self) {
            return std::make_pair(1e-9 * static_cast<double>(self.get().pull_nanoseconds()),
                                  1e-9 * static_cast<double>(self.get().push_nanoseconds()));
          },
          "Seconds that callers have waited for pulls and for pushes since the start.")
      .def(
          "counters", [](const PyCluster& self) { return self.get().Counters(); },
          py::call_guard<py::gil_scoped_release>(), "Totals since the start, by name.")
      .def("dense_state", &DenseState,
           "This rank's slice of the dense parameters: (weights [n], optimizer state [2 n], number of "
           "updates).")
      .def("restore_dense", &RestoreDense, py::arg("weights"), py::arg("state"), py::arg("updates"))
      .def(
          "run",
          [](const PyCluster& self, const std::function<void()>& job) {
            py::gil_scoped_release release;
            self.get().RunOnService([&] {
              py::gil_scoped_acquire acquire;
              job();
            });
          },
          py::arg("job"), "Runs ``job()`` between two messages, while nothing writes the tables.")
      .def("close", &PyCluster::Close,
           "Stops the service thread. Collective: flush, then a barrier, then close on every rank.");

  m.def(
      "shard_range",
      [](int rank, int ranks) {
        return std::make_pair(FirstShardOf(rank, ranks), FirstShardOf(rank + 1, ranks));
      },
      py::arg("rank"), py::arg("ranks"), "The logical shards [first, last) that a rank owns.");
}

}  // namespace wideload
