#pragma once

#include <pybind11/pybind11.h>

namespace wideload {

void BindDeclarations(pybind11::module_& m);
void BindTable(pybind11::module_& m);
void BindCluster(pybind11::module_& m);
void BindCollectives(pybind11::module_& m);
void BindStorage(pybind11::module_& m);

}  // namespace wideload
