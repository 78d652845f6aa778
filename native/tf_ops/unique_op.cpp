// UniqueSigns: the distinct values of a batch, in order of first appearance, in one pass.
//
//   values [n] int64  ->  unique  [U] int64
//                         inverse [n] int32     values[i] == unique[inverse[i]]
//                         counts  [U] int32

#include <algorithm>
#include <cstdint>

#include "table/unique.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace wideload {
namespace {

using tensorflow::OpKernel;
using tensorflow::OpKernelContext;
using tensorflow::Tensor;
using tensorflow::TensorShape;
using tensorflow::shape_inference::InferenceContext;
using tensorflow::shape_inference::ShapeHandle;

REGISTER_OP("UniqueSigns")
    .Input("values: int64")
    .Output("unique: int64")
    .Output("inverse: int32")
    .Output("counts: int32")
    .SetShapeFn([](InferenceContext* context) {
      ShapeHandle values;
      TF_RETURN_IF_ERROR(context->WithRank(context->input(0), 1, &values));
      context->set_output(0, context->Vector(InferenceContext::kUnknownDim));
      context->set_output(1, values);
      context->set_output(2, context->Vector(InferenceContext::kUnknownDim));
      return absl::OkStatus();
    });

template <typename From, typename To>
absl::Status Emit(OpKernelContext* context, int output, std::span<const From> values) {
  Tensor* tensor = nullptr;
  TF_RETURN_IF_ERROR(
      context->allocate_output(output, TensorShape({static_cast<std::int64_t>(values.size())}), &tensor));
  std::transform(values.begin(), values.end(), tensor->flat<To>().data(),
                 [](From value) { return static_cast<To>(value); });
  return absl::OkStatus();
}

class UniqueSignsOp final : public OpKernel {
 public:
  using OpKernel::OpKernel;

  void Compute(OpKernelContext* context) override {
    const Tensor& values = context->input(0);
    // Scratch that grows to a batch's size once per thread, not once per call.
    static thread_local Unique unique;
    const Unique::Result found =
        unique.Find({reinterpret_cast<const Sign*>(values.flat<std::int64_t>().data()),
                     static_cast<std::size_t>(values.NumElements())});
    OP_REQUIRES_OK(context, (Emit<Sign, std::int64_t>(context, 0, found.unique)));
    OP_REQUIRES_OK(context, (Emit<std::int32_t, std::int32_t>(context, 1, found.inverse)));
    OP_REQUIRES_OK(context, (Emit<std::int32_t, std::int32_t>(context, 2, found.counts)));
  }
};

REGISTER_KERNEL_BUILDER(Name("UniqueSigns").Device(tensorflow::DEVICE_CPU), UniqueSignsOp);

}  // namespace
}  // namespace wideload
