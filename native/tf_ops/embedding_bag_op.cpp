// EmbeddingBag: the look-up over a batch's working set, all slots of a table and both parts of the model at
// once.
//
//   rows        [U, wide + dim]   the working set: linear weight first (wide = 1) or none (wide = 0), then
//   the embedding inverse     [nnz]             which row each value is row_splits  [S * B + 1] slot-major
//   bags: bag (s, b) holds values [row_splits[s*B + b], row_splits[s*B + b + 1])
//                                 counted from row_splits[0]
//   weights     [nnz] or [0]      one weight a value; empty means that all are 1
//
//   linear[b]                      = sum over all bags of b of  w_i * rows[inverse_i, 0]
//   deep[b, s*dim : (s+1)*dim]     = scale(s, b) * sum over bag (s, b) of  w_i * rows[inverse_i, wide:]
//   scale: sum 1;  mean 1 / sum w_i;  sqrtn 1 / sqrt(sum w_i^2);  0 for an empty bag or a zero denominator
//
// The gradient goes to the rows, summed in a fixed order (blocks of examples, slots, examples); weights are
// data and get none.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace wideload {
namespace {

using tensorflow::OpKernel;
using tensorflow::OpKernelConstruction;
using tensorflow::OpKernelContext;
using tensorflow::Tensor;
using tensorflow::TensorShape;
using tensorflow::shape_inference::DimensionHandle;
using tensorflow::shape_inference::InferenceContext;
using tensorflow::shape_inference::ShapeHandle;
using Index = std::int64_t;

REGISTER_OP("EmbeddingBag")
    .Attr("wide: int >= 0")
    .Attr("combiners: list({'sum', 'mean', 'sqrtn'}) >= 1")
    .Input("rows: float")
    .Input("inverse: int32")
    .Input("row_splits: int32")
    .Input("weights: float")
    .Output("linear: float")
    .Output("deep: float")
    .SetShapeFn([](InferenceContext* context) {
      ShapeHandle rows, unused;
      TF_RETURN_IF_ERROR(context->WithRank(context->input(0), 2, &rows));
      for (int input = 1; input < 4; ++input) {
        TF_RETURN_IF_ERROR(context->WithRank(context->input(input), 1, &unused));
      }
      std::vector<std::string> combiners;
      int wide = 0;
      TF_RETURN_IF_ERROR(context->GetAttr("combiners", &combiners));
      TF_RETURN_IF_ERROR(context->GetAttr("wide", &wide));
      DimensionHandle deep = context->UnknownDim();
      if (context->ValueKnown(context->Dim(rows, 1))) {
        deep = context->MakeDim((context->Value(context->Dim(rows, 1)) - wide) *
                                static_cast<Index>(combiners.size()));
      }
      context->set_output(0, context->Vector(InferenceContext::kUnknownDim));
      context->set_output(1, context->Matrix(context->UnknownDim(), deep));
      return absl::OkStatus();
    });

REGISTER_OP("EmbeddingBagGrad")
    .Attr("wide: int >= 0")
    .Attr("combiners: list({'sum', 'mean', 'sqrtn'}) >= 1")
    .Input("linear_gradient: float")
    .Input("deep_gradient: float")
    .Input("rows: float")
    .Input("inverse: int32")
    .Input("row_splits: int32")
    .Input("weights: float")
    .Output("rows_gradient: float")
    .SetShapeFn([](InferenceContext* context) {
      context->set_output(0, context->input(2));
      return absl::OkStatus();
    });

enum class Combiner { kSum, kMean, kSqrtn };

// Everything both directions share: the checked inputs and the scale of a bag.
struct Bags {
  Index slots = 0;
  Index batch = 0;
  Index wide = 0;
  Index dim = 0;
  Index width = 0;
  Index distinct = 0;
  const float* rows = nullptr;
  const std::int32_t* inverse = nullptr;
  const std::int32_t* splits = nullptr;
  const float* weights = nullptr;  // null: all 1
  const std::vector<Combiner>* combiners = nullptr;

  Index begin(Index slot, Index example) const { return splits[slot * batch + example] - splits[0]; }
  Index end(Index slot, Index example) const { return splits[slot * batch + example + 1] - splits[0]; }
  float weight(Index value) const { return weights == nullptr ? 1.0f : weights[value]; }

  float Scale(Index slot, Index first, Index last) const {
    const Combiner combiner = (*combiners)[static_cast<std::size_t>(slot)];
    if (combiner == Combiner::kSum) return 1.0f;
    float denominator = 0.0f;
    for (Index i = first; i < last; ++i) {
      denominator += combiner == Combiner::kMean ? weight(i) : weight(i) * weight(i);
    }
    if (combiner == Combiner::kSqrtn) denominator = std::sqrt(denominator);
    return denominator == 0.0f ? 0.0f : 1.0f / denominator;
  }
};

class BagKernel : public OpKernel {
 public:
  explicit BagKernel(OpKernelConstruction* construction) : OpKernel(construction) {
    std::vector<std::string> names;
    OP_REQUIRES_OK(construction, construction->GetAttr("combiners", &names));
    OP_REQUIRES_OK(construction, construction->GetAttr("wide", &wide_));
    for (const std::string& name : names) {
      combiners_.push_back(name == "sum"    ? Combiner::kSum
                           : name == "mean" ? Combiner::kMean
                                            : Combiner::kSqrtn);
    }
  }

 protected:
  absl::Status Check(OpKernelContext* context, int first, Bags* bags) const {
    const Tensor& rows = context->input(first);
    const Tensor& inverse = context->input(first + 1);
    const Tensor& splits = context->input(first + 2);
    const Tensor& weights = context->input(first + 3);
    const auto slots = static_cast<Index>(combiners_.size());
    if (rows.dims() != 2 || rows.dim_size(1) < wide_) {
      return absl::InvalidArgumentError("rows has shape " + rows.shape().DebugString() +
                                        ", expected [U, at least " + std::to_string(wide_) + "]");
    }
    if (splits.NumElements() < 1 || (splits.NumElements() - 1) % slots != 0) {
      return absl::InvalidArgumentError("row_splits has " + std::to_string(splits.NumElements()) +
                                        " elements, expected slots * batch + 1 with " +
                                        std::to_string(slots) + " slots");
    }
    const Index nnz = inverse.NumElements();
    if (weights.NumElements() != 0 && weights.NumElements() != nnz) {
      return absl::InvalidArgumentError("weights has " + std::to_string(weights.NumElements()) +
                                        " elements for " + std::to_string(nnz) +
                                        " values, expected none or one each");
    }
    bags->slots = slots;
    bags->batch = (splits.NumElements() - 1) / slots;
    bags->wide = wide_;
    bags->width = rows.dim_size(1);
    bags->dim = bags->width - wide_;
    bags->distinct = rows.dim_size(0);
    bags->rows = rows.flat<float>().data();
    bags->inverse = inverse.flat<std::int32_t>().data();
    bags->splits = splits.flat<std::int32_t>().data();
    bags->weights = weights.NumElements() == 0 ? nullptr : weights.flat<float>().data();
    bags->combiners = &combiners_;
    return CheckIndices(*bags, splits.NumElements(), nnz);
  }

 private:
  static absl::Status CheckIndices(const Bags& bags, Index splits, Index nnz) {
    bool sorted = true;
    for (Index i = 1; i < splits; ++i) sorted &= bags.splits[i - 1] <= bags.splits[i];
    if (!sorted || bags.splits[splits - 1] - bags.splits[0] != nnz) {
      return absl::InvalidArgumentError("row_splits must not fall and must span the " + std::to_string(nnz) +
                                        " values of inverse");
    }
    std::uint32_t largest = 0;
    for (Index i = 0; i < nnz; ++i) largest = std::max(largest, static_cast<std::uint32_t>(bags.inverse[i]));
    if (nnz > 0 && static_cast<Index>(largest) >= bags.distinct) {
      return absl::InvalidArgumentError("inverse names row " +
                                        std::to_string(static_cast<std::int32_t>(largest)) +
                                        ", valid rows are 0 to " + std::to_string(bags.distinct - 1));
    }
    return absl::OkStatus();
  }

  tensorflow::int32 wide_ = 0;
  std::vector<Combiner> combiners_;
};

// Calls bag(slot, example) for all bags, a block of examples at a time: a block of the wide [B, S * dim]
// matrix stays in the nearest cache while all slots pass over it.
template <typename Bag>
void ForEachBag(const Bags& bags, Bag bag) {
  constexpr Index kBlock = 32;
  for (Index block = 0; block < bags.batch; block += kBlock) {
    const Index stop = std::min(block + kBlock, bags.batch);
    for (Index slot = 0; slot < bags.slots; ++slot) {
      for (Index example = block; example < stop; ++example) bag(slot, example);
    }
  }
}

// kDim: the embedding dimension where it is known at compile time, 0 where it is not.
template <Index kDim>
void Forward(const Bags& bags, float* linear, float* deep) {
  const Index dim = kDim > 0 ? kDim : bags.dim;
  const Index stride = bags.slots * dim;
  std::fill_n(linear, bags.batch, 0.0f);
  ForEachBag(bags, [&](Index slot, Index example) {
    float* out = deep + example * stride + slot * dim;
    const Index first = bags.begin(slot, example);
    const Index last = bags.end(slot, example);
    if (last - first == 1 && bags.weights == nullptr) {  // one plain value: every combiner copies
      const float* row = bags.rows + bags.inverse[first] * bags.width;
      if (bags.wide != 0) linear[example] += row[0];
      for (Index d = 0; d < dim; ++d) out[d] = row[bags.wide + d];
      return;
    }
    for (Index d = 0; d < dim; ++d) out[d] = 0.0f;
    for (Index i = first; i < last; ++i) {
      const float* row = bags.rows + bags.inverse[i] * bags.width;
      const float weight = bags.weight(i);
      if (bags.wide != 0) linear[example] += weight * row[0];
      for (Index d = 0; d < dim; ++d) out[d] += weight * row[bags.wide + d];
    }
    const float scale = bags.Scale(slot, first, last);
    for (Index d = 0; d < dim; ++d) out[d] *= scale;
  });
}

template <Index kDim>
void Backward(const Bags& bags, const float* linear, const float* deep, float* rows) {
  const Index dim = kDim > 0 ? kDim : bags.dim;
  const Index stride = bags.slots * dim;
  std::fill_n(rows, bags.distinct * bags.width, 0.0f);
  ForEachBag(bags, [&](Index slot, Index example) {
    const float* gradient = deep + example * stride + slot * dim;
    const Index first = bags.begin(slot, example);
    const Index last = bags.end(slot, example);
    const bool plain = last - first == 1 && bags.weights == nullptr;
    const float scale = plain ? 1.0f : bags.Scale(slot, first, last);
    for (Index i = first; i < last; ++i) {
      float* row = rows + bags.inverse[i] * bags.width;
      const float weight = bags.weight(i);
      if (bags.wide != 0) row[0] += weight * linear[example];
      const float factor = weight * scale;
      for (Index d = 0; d < dim; ++d) row[bags.wide + d] += factor * gradient[d];
    }
  });
}

// Calls `run` with the dimension as a compile-time constant for the common ones.
template <typename Run>
void WithDim(Index dim, Run run) {
  switch (dim) {
    case 4:
      return run(std::integral_constant<Index, 4>{});
    case 8:
      return run(std::integral_constant<Index, 8>{});
    case 16:
      return run(std::integral_constant<Index, 16>{});
    case 32:
      return run(std::integral_constant<Index, 32>{});
    case 64:
      return run(std::integral_constant<Index, 64>{});
    default:
      return run(std::integral_constant<Index, 0>{});
  }
}

class EmbeddingBagOp final : public BagKernel {
 public:
  using BagKernel::BagKernel;

  void Compute(OpKernelContext* context) override {
    Bags bags;
    OP_REQUIRES_OK(context, Check(context, 0, &bags));
    Tensor* linear = nullptr;
    Tensor* deep = nullptr;
    OP_REQUIRES_OK(context, context->allocate_output(0, TensorShape({bags.batch}), &linear));
    OP_REQUIRES_OK(context,
                   context->allocate_output(1, TensorShape({bags.batch, bags.slots * bags.dim}), &deep));
    WithDim(bags.dim, [&](auto dim) {
      Forward<decltype(dim)::value>(bags, linear->flat<float>().data(), deep->flat<float>().data());
    });
  }
};

class EmbeddingBagGradOp final : public BagKernel {
 public:
  using BagKernel::BagKernel;

  void Compute(OpKernelContext* context) override {
    Bags bags;
    OP_REQUIRES_OK(context, Check(context, 2, &bags));
    const Tensor& linear = context->input(0);
    const Tensor& deep = context->input(1);
    OP_REQUIRES(
        context,
        linear.NumElements() == bags.batch && deep.NumElements() == bags.batch * bags.slots * bags.dim,
        absl::InvalidArgumentError("gradients have shapes " + linear.shape().DebugString() + " and " +
                                   deep.shape().DebugString() + " for a batch of " +
                                   std::to_string(bags.batch)));
    Tensor* rows = nullptr;
    OP_REQUIRES_OK(context, context->allocate_output(0, TensorShape({bags.distinct, bags.width}), &rows));
    WithDim(bags.dim, [&](auto dim) {
      Backward<decltype(dim)::value>(bags, linear.flat<float>().data(), deep.flat<float>().data(),
                                     rows->flat<float>().data());
    });
  }
};

REGISTER_KERNEL_BUILDER(Name("EmbeddingBag").Device(tensorflow::DEVICE_CPU), EmbeddingBagOp);
REGISTER_KERNEL_BUILDER(Name("EmbeddingBagGrad").Device(tensorflow::DEVICE_CPU), EmbeddingBagGradOp);

}  // namespace
}  // namespace wideload
