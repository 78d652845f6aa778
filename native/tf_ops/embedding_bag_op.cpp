// EmbeddingBag: looks up a batch's working set, for all slots of a table and both parts of the model at once.
//
//   rows        [U, wide + dim]   the working set: the linear weight (if wide = 1), then the embedding
//   inverse     [nnz]             which row each value is
//   row_splits  [S * B + 1]       slot-major bags: bag (s, b) holds the values
//                                 [row_splits[s*B + b], row_splits[s*B + b + 1]), counted from row_splits[0]
//   weights     [nnz] or [0]      one weight per value; empty if all are 1
//   numeric     [B, D]            numeric features, copied to the right of the embeddings, so that the tower's
//                                 input needs no concatenation
//
//   linear[b]                   = sum over all bags of b of  w_i * rows[inverse_i, 0]
//   deep[b, s*dim : (s+1)*dim]  = scale(s, b) * sum over bag (s, b) of  w_i * rows[inverse_i, wide:]
//   deep[b, S*dim :]            = numeric[b]
//
//   scale:  sum 1;  mean 1 / sum w_i;  sqrtn 1 / sqrt(sum w_i^2);  0 for an empty bag or a zero denominator
//
// The gradient with respect to the rows is summed in a fixed order (blocks of examples, slots, examples);
// weights and numeric features are data and get no gradient.

#include <algorithm>
#include <cmath>
#include <cstdint>
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
    .Input("numeric: float")
    .Output("linear: float")
    .Output("deep: float")
    .SetShapeFn([](InferenceContext* context) {
      ShapeHandle rows, unused;
      TF_RETURN_IF_ERROR(context->WithRank(context->input(0), 2, &rows));
      for (int input = 1; input < 4; ++input) {
        TF_RETURN_IF_ERROR(context->WithRank(context->input(input), 1, &unused));
      }
      ShapeHandle numeric;
      TF_RETURN_IF_ERROR(context->WithRank(context->input(4), 2, &numeric));
      std::vector<std::string> combiners;
      int wide = 0;
      TF_RETURN_IF_ERROR(context->GetAttr("combiners", &combiners));
      TF_RETURN_IF_ERROR(context->GetAttr("wide", &wide));
      DimensionHandle deep = context->UnknownDim();
      if (context->ValueKnown(context->Dim(rows, 1)) && context->ValueKnown(context->Dim(numeric, 1))) {
        deep = context->MakeDim((context->Value(context->Dim(rows, 1)) - wide) *
                                    static_cast<Index>(combiners.size()) +
                                context->Value(context->Dim(numeric, 1)));
      }
      context->set_output(0, context->Vector(context->Dim(numeric, 0)));
      context->set_output(1, context->Matrix(context->Dim(numeric, 0), deep));
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

// What both directions share: the validated inputs and the scale of a bag.
struct Bags {
  Index slots = 0;
  Index batch = 0;
  Index wide = 0;
  Index dim = 0;
  Index width = 0;
  Index distinct = 0;
  Index numeric = 0;   // D
  bool single = true;  // every bag holds one value, and every weight is 1
  const float* rows = nullptr;
  const std::int32_t* inverse = nullptr;
  const std::int32_t* splits = nullptr;
  const float* weights = nullptr;  // null: all 1
  const std::vector<Combiner>* combiners = nullptr;

  Index begin(Index slot, Index example) const { return splits[slot * batch + example] - splits[0]; }
  Index end(Index slot, Index example) const { return splits[slot * batch + example + 1] - splits[0]; }
  Index stride() const { return slots * dim + numeric; }
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
    return CheckIndices(bags, splits.NumElements(), nnz);
  }

 private:
  static absl::Status CheckIndices(Bags* bags, Index splits, Index nnz) {
    bool sorted = true;
    bool ones = true;
    for (Index i = 1; i < splits; ++i) {
      sorted &= bags->splits[i - 1] <= bags->splits[i];
      ones &= bags->splits[i - 1] + 1 == bags->splits[i];
    }
    bags->single = ones && bags->weights == nullptr;
    if (!sorted || bags->splits[splits - 1] - bags->splits[0] != nnz) {
      return absl::InvalidArgumentError("row_splits must not decrease and must span the " +
                                        std::to_string(nnz) + " values of inverse");
    }
    std::uint32_t largest = 0;
    for (Index i = 0; i < nnz; ++i) largest = std::max(largest, static_cast<std::uint32_t>(bags->inverse[i]));
    if (nnz > 0 && static_cast<Index>(largest) >= bags->distinct) {
      return absl::InvalidArgumentError("inverse names row " +
                                        std::to_string(static_cast<std::int32_t>(largest)) +
                                        ", valid rows are 0 to " + std::to_string(bags->distinct - 1));
    }
    return absl::OkStatus();
  }

  std::int32_t wide_ = 0;
  std::vector<Combiner> combiners_;
};

// Calls bag(slot, example) for all bags, one block of examples at a time, so that a block of the [B, S * dim]
// matrix stays in the first-level cache while all slots are processed. ahead(slot, example) prefetches the
// rows of a bag one slot before they are needed; after(first, last) ends a block.
template <typename Ahead, typename Bag, typename After>
void ForEachBag(const Bags& bags, Ahead ahead, Bag bag, After after) {
  constexpr Index kBlock = 32;
  for (Index block = 0; block < bags.batch; block += kBlock) {
    const Index stop = std::min(block + kBlock, bags.batch);
    for (Index slot = 0; slot < bags.slots; ++slot) {
      if (slot + 1 < bags.slots) {
        for (Index example = block; example < stop; ++example) ahead(slot + 1, example);
      }
      for (Index example = block; example < stop; ++example) bag(slot, example);
    }
    after(block, stop);
  }
}

// Into the first-level cache: the working set is in the second level or beyond.
inline void PrefetchRow(const float* row, Index width) {
  __builtin_prefetch(row);
  __builtin_prefetch(row + width - 1);
}

// kDim: the embedding dimension where it is known at compile time, 0 where it is not.
// kSingle: Bags::single, as for a plain categorical column: no bag to walk and no scale.
template <Index kDim, bool kSingle>
void Forward(const Bags& bags, const float* numeric, float* linear, float* deep) {
  const Index dim = kDim > 0 ? kDim : bags.dim;
  const Index stride = bags.stride();
  std::fill_n(linear, bags.batch, 0.0f);
  const auto one_value = [&](Index slot, Index example) {
    const float* row = bags.rows + bags.inverse[slot * bags.batch + example] * bags.width;
    float* out = deep + example * stride + slot * dim;
    if (bags.wide != 0) linear[example] += row[0];
    std::memcpy(out, row + bags.wide, static_cast<std::size_t>(dim) * sizeof(float));
  };
  const auto ahead = [&](Index slot, Index example) {
    PrefetchRow(bags.rows + bags.inverse[slot * bags.batch + example] * bags.width, bags.width);
  };
  const auto nothing = [](Index, Index) {};
  const auto any_values = [&](Index slot, Index example) {
    float* out = deep + example * stride + slot * dim;
    for (Index d = 0; d < dim; ++d) out[d] = 0.0f;
    const Index first = bags.begin(slot, example);
    const Index last = bags.end(slot, example);
    for (Index i = first; i < last; ++i) {
      const float* row = bags.rows + bags.inverse[i] * bags.width;
      const float weight = bags.weight(i);
      if (bags.wide != 0) linear[example] += weight * row[0];
#pragma omp simd
      for (Index d = 0; d < dim; ++d) out[d] += weight * row[bags.wide + d];
    }
    const float scale = bags.Scale(slot, first, last);
    for (Index d = 0; d < dim; ++d) out[d] *= scale;
  };
  const auto numbers = [&](Index first, Index last) {
    for (Index example = first; example < last; ++example) {
      std::copy_n(numeric + example * bags.numeric, bags.numeric,
                  deep + (example + 1) * stride - bags.numeric);
    }
  };
  if constexpr (kSingle) {
    ForEachBag(bags, ahead, one_value, numbers);
  } else {
    ForEachBag(bags, nothing, any_values, numbers);
  }
}

template <Index kDim, bool kSingle>
void Backward(const Bags& bags, const float* linear, const float* deep, float* rows) {
  const Index dim = kDim > 0 ? kDim : bags.dim;
  const Index stride = bags.stride();
  std::fill_n(rows, bags.distinct * bags.width, 0.0f);
  const auto one_value = [&](Index slot, Index example) {
    float* row = rows + bags.inverse[slot * bags.batch + example] * bags.width;
    const float* gradient = deep + example * stride + slot * dim;
    if (bags.wide != 0) row[0] += linear[example];
#pragma omp simd
    for (Index d = 0; d < dim; ++d) row[bags.wide + d] += gradient[d];
  };
  const auto ahead = [&](Index slot, Index example) {
    PrefetchRow(rows + bags.inverse[slot * bags.batch + example] * bags.width, bags.width);
  };
  const auto any_values = [&](Index slot, Index example) {
    const float* gradient = deep + example * stride + slot * dim;
    const Index first = bags.begin(slot, example);
    const Index last = bags.end(slot, example);
    const float scale = bags.Scale(slot, first, last);
    for (Index i = first; i < last; ++i) {
      float* row = rows + bags.inverse[i] * bags.width;
      const float weight = bags.weight(i);
      if (bags.wide != 0) row[0] += weight * linear[example];
      const float factor = weight * scale;
#pragma omp simd
      for (Index d = 0; d < dim; ++d) row[bags.wide + d] += factor * gradient[d];
    }
  };
  const auto nothing = [](Index, Index) {};
  if constexpr (kSingle) {
    ForEachBag(bags, ahead, one_value, nothing);
  } else {
    ForEachBag(bags, nothing, any_values, nothing);
  }
}

// Calls run(dim, single) with both as compile-time constants; an uncommon dimension is passed as 0.
template <typename Run>
void Specialised(const Bags& bags, Run run) {
  const auto with_dim = [&](auto dim) {
    if (bags.single) {
      run(dim, std::true_type{});
    } else {
      run(dim, std::false_type{});
    }
  };
  switch (bags.dim) {
    case 4:
      return with_dim(std::integral_constant<Index, 4>{});
    case 8:
      return with_dim(std::integral_constant<Index, 8>{});
    case 16:
      return with_dim(std::integral_constant<Index, 16>{});
    case 32:
      return with_dim(std::integral_constant<Index, 32>{});
    case 64:
      return with_dim(std::integral_constant<Index, 64>{});
    default:
      return with_dim(std::integral_constant<Index, 0>{});
  }
}

class EmbeddingBagOp final : public BagKernel {
 public:
  using BagKernel::BagKernel;

  void Compute(OpKernelContext* context) override {
    Bags bags;
    OP_REQUIRES_OK(context, Check(context, 0, &bags));
    const Tensor& numeric = context->input(4);
    OP_REQUIRES(context, numeric.dims() == 2 && numeric.dim_size(0) == bags.batch,
                absl::InvalidArgumentError("numeric has shape " + numeric.shape().DebugString() +
                                           ", expected [" + std::to_string(bags.batch) + ", D]"));
    bags.numeric = numeric.dim_size(1);
    Tensor* linear = nullptr;
    Tensor* deep = nullptr;
    OP_REQUIRES_OK(context, context->allocate_output(0, TensorShape({bags.batch}), &linear));
    OP_REQUIRES_OK(context, context->allocate_output(1, TensorShape({bags.batch, bags.stride()}), &deep));
    Specialised(bags, [&](auto dim, auto single) {
      Forward<dim(), single()>(bags, numeric.flat<float>().data(), linear->flat<float>().data(),
                               deep->flat<float>().data());
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
    bags.numeric = deep.dims() == 2 ? deep.dim_size(1) - bags.slots * bags.dim : -1;
    OP_REQUIRES(context,
                linear.NumElements() == bags.batch && bags.numeric >= 0 && deep.dim_size(0) == bags.batch,
                absl::InvalidArgumentError("gradients have shapes " + linear.shape().DebugString() + " and " +
                                           deep.shape().DebugString() + " for a batch of " +
                                           std::to_string(bags.batch)));
    Tensor* rows = nullptr;
    OP_REQUIRES_OK(context, context->allocate_output(0, TensorShape({bags.distinct, bags.width}), &rows));
    Specialised(bags, [&](auto dim, auto single) {
      Backward<dim(), single()>(bags, linear.flat<float>().data(), deep.flat<float>().data(),
                                rows->flat<float>().data());
    });
  }
};

REGISTER_KERNEL_BUILDER(Name("EmbeddingBag").Device(tensorflow::DEVICE_CPU), EmbeddingBagOp);
REGISTER_KERNEL_BUILDER(Name("EmbeddingBagGrad").Device(tensorflow::DEVICE_CPU), EmbeddingBagGradOp);

}  // namespace
}  // namespace wideload
