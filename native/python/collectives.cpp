// wideload._native.Collectives: the job's MPI for the ops of tf_ops/collective_ops.cpp, which find it by its id.

#include "cluster/collectives.h"

#include <pybind11/pybind11.h>

#include <cstdint>
#include <memory>
#include <string>

#include "cluster/transport_library.h"
#include "python/bindings.h"

namespace py = pybind11;

namespace wideload {
namespace {

class PyCollectives {
 public:
  PyCollectives(const std::string& library, std::uintptr_t comm)
      : id_(CollectiveThreads().Add(std::make_shared<CollectiveThread>(OpenCollectives(library, comm)))) {}
  ~PyCollectives() { Close(); }
  PyCollectives(const PyCollectives&) = delete;
  PyCollectives& operator=(const PyCollectives&) = delete;

  std::int64_t id() const { return id_; }
  void Close() {
    py::gil_scoped_release release;  // the thread ends its jobs
    CollectiveThreads().Remove(id_);
  }

 private:
  const std::int64_t id_;
};

}  // namespace

void BindCollectives(py::module_& m) {
  py::class_<PyCollectives>(m, "Collectives",
                            R"(The collective operations of an MPI, on a thread of their own. Made and
closed collectively.

Args:
    library: path of the library for the MPI of ``comm``; it is opened by this call.
    comm: handle of an MPI communicator (``mpi4py.MPI._handleof(comm)``); it is duplicated.)")
      .def(py::init<const std::string&, std::uintptr_t>(), py::kw_only(), py::arg("library"), py::arg("comm"))
      .def_property_readonly("id", &PyCollectives::id, "Number by which the ops find this object.")
      .def("close", &PyCollectives::Close, "Ends the thread once its calls are done; idempotent.");
}

}  // namespace wideload
