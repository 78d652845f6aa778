#pragma once
// NumPy arrays as spans: read and written in place where their type and layout allow.

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "table/hash.h"

namespace wideload {

namespace py = pybind11;

// Signs as uint64, or as int64 with the same bits. Copies only arrays that are not contiguous.
class Signs {
 public:
  explicit Signs(const py::object& given) : array_(py::array::ensure(given, py::array::c_style)) {
    if (!array_) {
      PyErr_Clear();
      throw std::invalid_argument(
          "signs cannot be read as an array; valid: a one-dimensional int64 or uint64 array.");
    }
    const py::dtype type = array_.dtype();
    const bool integer = (type.kind() == 'i' || type.kind() == 'u') && type.itemsize() == 8;
    if (!integer || array_.ndim() != 1) {
      throw std::invalid_argument("signs have type " + py::str(type).cast<std::string>() + " and " +
                                  std::to_string(array_.ndim()) +
                                  " dimensions; valid: a one-dimensional int64 or uint64 array.");
    }
  }

  std::size_t size() const { return static_cast<std::size_t>(array_.size()); }
  std::span<const Sign> view() const { return {static_cast<const Sign*>(array_.data()), size()}; }
  bool is_signed() const { return array_.dtype().kind() == 'i'; }

 private:
  py::array array_;
};

using Floats = py::array_t<float, py::array::c_style | py::array::forcecast>;

inline std::string ShapeOf(const py::array& array) {
  std::string text = "[";
  for (py::ssize_t axis = 0; axis < array.ndim(); ++axis) {
    text += (axis > 0 ? ", " : "") + std::to_string(array.shape(axis));
  }
  return text + "]";
}

inline void RequireMatrix(const py::array& given, std::size_t rows, std::size_t columns,
                          const std::string& what) {
  if (given.ndim() == 2 && static_cast<std::size_t>(given.shape(0)) == rows &&
      static_cast<std::size_t>(given.shape(1)) == columns) {
    return;
  }
  throw std::invalid_argument(what + " has shape " + ShapeOf(given) + "; valid: [" + std::to_string(rows) +
                              ", " + std::to_string(columns) + "].");
}

inline py::array_t<float> NewMatrix(std::size_t rows, std::size_t columns) {
  return py::array_t<float>({static_cast<py::ssize_t>(rows), static_cast<py::ssize_t>(columns)});
}

// The array to write rows to: `out`, whose shape must match exactly, or a new one.
inline py::array_t<float> Target(const py::object& out, std::size_t rows, std::size_t columns) {
  if (out.is_none()) return NewMatrix(rows, columns);
  if (!py::isinstance<py::array_t<float>>(out)) throw std::invalid_argument("out is not a float32 array.");
  auto array = py::reinterpret_borrow<py::array_t<float>>(out);
  RequireMatrix(array, rows, columns, "out");
  if (!array.writeable() || (array.flags() & py::array::c_style) == 0) {
    throw std::invalid_argument("out is read-only or not contiguous; valid: a writable C-contiguous array.");
  }
  return array;
}

inline std::optional<Floats> OptionalFloats(const py::object& given) {
  if (given.is_none()) return std::nullopt;
  return given.cast<Floats>();
}

inline std::span<const float> ViewOf(const std::optional<Floats>& floats) {
  if (!floats) return {};
  return {floats->data(), static_cast<std::size_t>(floats->size())};
}

// Moves a vector into an array that owns it.
template <typename T>
py::array_t<T> Own(std::vector<T> values, std::vector<py::ssize_t> shape = {}) {
  auto* held = new std::vector<T>(std::move(values));
  const py::capsule owner(held, [](void* p) { delete static_cast<std::vector<T>*>(p); });
  if (shape.empty()) shape = {static_cast<py::ssize_t>(held->size())};
  return py::array_t<T>(shape, held->data(), owner);
}

}  // namespace wideload
