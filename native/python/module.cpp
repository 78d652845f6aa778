// The Python module wideload._native: a thin layer over table/, storage/ and cluster/. It converts arguments,
// releases the GIL and translates exceptions; it holds no logic of its own.

#include "python/bindings.h"
#include "table/processor.h"

PYBIND11_MODULE(_native, m) {
  m.doc() = "wideload's native part: the sparse table and the parameter server.";
  m.attr("PROCESSOR_LEVEL") = wideload::ProcessorLevel();
  wideload::BindTable(m);
  wideload::BindCluster(m);
  wideload::BindCollectives(m);
  wideload::BindStorage(m);
}
