#pragma once
// NumPy arrays as spans: read and written in place where their type and layout allow.

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "table/hash.h"

namespace wideload {

namespace py = pybind11;

// An integer argument, converted as Python converts an index. Throws std::invalid_argument that names `what` and
// the range.
template <typename T>
T Bounded(const py::object& given, const char* what) {
  const auto index = py::reinterpret_steal<py::object>(PyNumber_Index(given.ptr()));
  py::detail::make_caster<T> value;
  if (index && value.load(index, false)) return py::detail::cast_op<T>(value);
  PyErr_Clear();
  throw std::invalid_argument(std::string(what) + " is " + py::repr(given).cast<std::string>() +
                              "; valid: an integer from " + std::to_string(std::numeric_limits<T>::min()) +
                              " to " + std::to_string(std::numeric_limits<T>::max()) + ".");
}

// Signs as uint64, or as int64 with the same bits: a one-dimensional array of integers of any width, or a sequence
// of Python's. Reads contiguous 64-bit arrays in place and copies all others.
class Signs {
 public:
  explicit Signs(const py::object& given) : array_(Read(given)) {}

  std::size_t size() const { return static_cast<std::size_t>(array_.size()); }
  std::span<const Sign> view() const { return {static_cast<const Sign*>(array_.data()), size()}; }
  bool is_signed() const { return array_.dtype().kind() == 'i'; }

 private:
  static constexpr const char* kValid =
      "; valid: a one-dimensional array of integers, such as int64 or uint64.";

  static py::array Read(const py::object& given) {
    const auto array = py::array::ensure(given);
    if (!array) {
      PyErr_Clear();
      throw std::invalid_argument(std::string("signs cannot be read as an array") + kValid);
    }
    const py::dtype type = array.dtype();
    if (array.ndim() != 1) throw Unfit(type, array.ndim());
    if (type.kind() == 'i') return Convert<std::int64_t>(array);
    if (type.kind() == 'u') return Convert<std::uint64_t>(array);
    // NumPy turns an empty list, and integers on both sides of 2^63, into floats.
    const bool converted = !py::isinstance<py::array>(given) && type.kind() == 'f';
    if (converted || type.kind() == 'O') return OfIntegers(py::list(given), type);
    throw Unfit(type, array.ndim());
  }

  template <typename T>
  static py::array Convert(const py::array& array) {
    return py::array_t<T, py::array::c_style | py::array::forcecast |
                              py::detail::npy_api::NPY_ARRAY_ALIGNED_>(array);
  }

  static py::array OfIntegers(const py::list& values, const py::dtype& type) {
    py::array_t<std::uint64_t> signs(static_cast<py::ssize_t>(values.size()));
    std::uint64_t* target = signs.mutable_data();
    for (const py::handle value : values) {
      const auto index = py::reinterpret_steal<py::object>(PyNumber_Index(value.ptr()));
      if (!index || PyBool_Check(value.ptr())) {
        PyErr_Clear();
        throw Unfit(type, 1);
      }
      *target++ = BitsOf(index);
    }
    return signs;
  }

  static std::uint64_t BitsOf(py::handle value) {
    const bool negative = value < py::int_(0);
    const auto bits = negative ? static_cast<std::uint64_t>(PyLong_AsLongLong(value.ptr()))
                               : static_cast<std::uint64_t>(PyLong_AsUnsignedLongLong(value.ptr()));
    if (PyErr_Occurred() == nullptr) return bits;
    PyErr_Clear();
    throw std::invalid_argument("a sign is " + py::repr(value).cast<std::string>() +
                                "; valid: 64 bits, so -2^63 to 2^64 - 1.");
  }

  static std::invalid_argument Unfit(const py::dtype& type, py::ssize_t dimensions) {
    return std::invalid_argument("signs have type " + py::str(type).cast<std::string>() + " and " +
                                 std::to_string(dimensions) + " dimensions" + kValid);
  }

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
