// SignHash: the signs of a slot's values.
//
//   values [any shape] int64  ->  signs, same shape: SignOf(salt, value) of table/hash.h, a bijection

#include <algorithm>
#include <cstdint>

#include "table/hash.h"
#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"

namespace wideload {
namespace {

using tensorflow::OpKernel;
using tensorflow::OpKernelConstruction;
using tensorflow::OpKernelContext;
using tensorflow::Tensor;

REGISTER_OP("SignHash")
    .Attr("salt: int")
    .Input("values: int64")
    .Output("signs: int64")
    .SetShapeFn(tensorflow::shape_inference::UnchangedShape);

class SignHashOp final : public OpKernel {
 public:
  explicit SignHashOp(OpKernelConstruction* construction) : OpKernel(construction) {
    OP_REQUIRES_OK(construction, construction->GetAttr("salt", &salt_));
  }

  void Compute(OpKernelContext* context) override {
    const Tensor& values = context->input(0);
    Tensor* signs = nullptr;
    OP_REQUIRES_OK(context, context->allocate_output(0, values.shape(), &signs));
    const auto in = values.flat<std::int64_t>();
    const auto salt = static_cast<std::uint64_t>(salt_);
    std::transform(in.data(), in.data() + in.size(), signs->flat<std::int64_t>().data(), [salt](auto value) {
      return static_cast<std::int64_t>(SignOf(salt, static_cast<std::uint64_t>(value)));
    });
  }

 private:
  std::int64_t salt_ = 0;
};

REGISTER_KERNEL_BUILDER(Name("SignHash").Device(tensorflow::DEVICE_CPU), SignHashOp);

}  // namespace
}  // namespace wideload
