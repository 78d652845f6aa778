#pragma once

#include <cstring>
#include <vector>

#include "tensorflow/core/framework/op_kernel.h"

namespace wideload {

// Makes an output of an op from values in row-major order.
template <typename T>
absl::Status Copy(tensorflow::OpKernelContext* context, int output, const tensorflow::TensorShape& shape,
                  const std::vector<T>& values) {
  tensorflow::Tensor* tensor = nullptr;
  TF_RETURN_IF_ERROR(context->allocate_output(output, shape, &tensor));
  if (tensor->NumElements() > 0) std::memcpy(tensor->data(), values.data(), tensor->TotalBytes());
  return absl::OkStatus();
}

}  // namespace wideload
